"""Reading the checker's answer: the protobuf messages of CEL's public `checked.proto` and `syntax.proto`, the part
we read.

No published Python package carries these messages without a large runtime, so their descriptors are declared here
from the field numbers of github.com/google/cel-spec (proto/cel/expr). Fields that are not listed are skipped by
protobuf.
"""

from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

_PACKAGE = "siwei.cel"
_SCALARS = {
    name: getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in ("int64", "uint64", "int32", "bool", "double", "string", "bytes")
}
# message → fields "number name type", `*` repeated, `%` a map from int64, `|` member of the message's one-of
_MESSAGES: dict[str, tuple[str, ...]] = {
    "Constant": (
        "1 null_value int32 |", "2 bool_value bool |", "3 int64_value int64 |", "4 uint64_value uint64 |",
        "5 double_value double |", "6 string_value string |", "7 bytes_value bytes |",
    ),
    "Identifier": ("1 name string",),
    "Select": ("1 operand Expression", "2 field string", "3 test_only bool"),
    "Invocation": ("1 target Expression", "2 function string", "3 args Expression *"),
    "CreateList": ("1 elements Expression *", "2 optional_indices int32 *"),
    "CreateStruct": ("1 message_name string", "2 entries Entry *"),
    "Entry": (
        "1 id int64", "2 field_key string |", "3 map_key Expression |", "4 value Expression", "5 optional_entry bool",
    ),
    "Comprehension": (
        "1 iter_var string", "2 iter_range Expression", "3 accu_var string", "4 accu_init Expression",
        "5 loop_condition Expression", "6 loop_step Expression", "7 result Expression", "8 iter_var2 string",
    ),
    "Expression": (
        "2 id int64", "3 const_expr Constant |", "4 ident_expr Identifier |", "5 select_expr Select |",
        "6 call_expr Invocation |", "7 list_expr CreateList |", "8 struct_expr CreateStruct |",
        "9 comprehension_expr Comprehension |",
    ),
    "Reference": ("1 name string", "3 overload_id string *"),
    "SourceInfo": ("3 line_offsets int32 *", "4 positions int32 %"),
    # Without the checker CEL hands over this one instead; it has no references.
    "ParsedExpression": ("2 expr Expression", "3 source_info SourceInfo", "100 reference_map Reference %"),
    "CheckedExpression": ("2 reference_map Reference %", "4 expr Expression", "5 source_info SourceInfo"),
}  # fmt: skip


def _set_type(field: descriptor_pb2.FieldDescriptorProto, type_name: str) -> None:
    if type_name in _SCALARS:
        field.type = _SCALARS[type_name]
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{type_name}"


def _add_field(message: descriptor_pb2.DescriptorProto, declaration: str) -> None:
    number, name, type_name, *marks = declaration.split()
    field = message.field.add(name=name, number=int(number), label=1)
    if "%" in marks:
        entry_name = "".join(part.capitalize() for part in name.split("_")) + "Entry"
        entry = message.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        for entry_number, (entry_field, entry_type) in enumerate((("key", "int64"), ("value", type_name)), start=1):
            _set_type(entry.field.add(name=entry_field, number=entry_number, label=1), entry_type)
        field.label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{message.name}.{entry_name}"
        return
    _set_type(field, type_name)
    if "*" in marks:
        field.label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    if "|" in marks:
        if not message.oneof_decl:
            message.oneof_decl.add(name="variant")
        field.oneof_index = 0


def _declare() -> dict[str, Any]:
    """The classes of the two messages by the name CEL gives each."""
    file = descriptor_pb2.FileDescriptorProto(name="siwei/cel.proto", package=_PACKAGE, syntax="proto3")
    for message_name, declarations in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for declaration in declarations:
            _add_field(message, declaration)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = {"cel.expr.CheckedExpr": "CheckedExpression", "cel.expr.ParsedExpr": "ParsedExpression"}
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{ours}"))
        for name, ours in names.items()
    }


_CLASSES = _declare()


class TooDeep(Exception):
    """The tree nests deeper than protobuf reads (100 messages, some 45 operations)."""


def decode_checked(serialized: bytes) -> Any:
    """The message that `Expression.serialize()` wraps in an `Any`: `expr`, `reference_map` and
    `source_info.positions` (code points). Raises TooDeep."""
    try:
        wrapped = any_pb2.Any.FromString(serialized)
        return _CLASSES[wrapped.type_url.rpartition("/")[2]].FromString(wrapped.value)
    except DecodeError:
        raise TooDeep from None
