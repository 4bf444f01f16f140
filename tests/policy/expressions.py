"""Random well-typed expressions and rows for them."""

from datetime import date

from hypothesis import strategies as st

from siwei.policy.language.types import BOOL, DATE, DOUBLE, INT, INT64_MAX, INT64_MIN, STRING, CelType

ATTRIBUTES: dict[str, CelType] = {
    "a": INT, "b": INT, "x": DOUBLE, "y": DOUBLE, "s": STRING, "t": STRING, "u": BOOL, "v": BOOL, "d": DATE, "e": DATE,
}  # fmt: skip

integers = st.one_of(
    st.integers(-5, 5),
    st.integers(INT64_MIN, INT64_MAX),
    st.sampled_from([INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX, 2**53, 2**53 + 1, 10**9]),
)
doubles = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, 1.5, float(2**63), -float(2**63), float(2**53), float("nan"), float("inf")]),
)
strings = st.text("ab深圳😀é'\\٣ \u3000", max_size=4)
days = st.one_of(
    st.dates(date(1, 1, 2), date(9999, 12, 30)),
    st.sampled_from([date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), date(2026, 11, 23), date(2028, 2, 29)]),
)
VALUES = {"int": integers, "double": doubles, "string": strings, "bool": st.booleans(), "date": days}


def rows(may_miss: bool = True) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {name: (st.none() | VALUES[kind.kind]) if may_miss else VALUES[kind.kind] for name, kind in ATTRIBUTES.items()}
    )


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _join(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda values: template.format(*values))


ordinary = st.floats(allow_nan=False, allow_infinity=False)
integer_leaf = st.one_of(
    st.sampled_from(["a", "b"]), integers.map(lambda value: f"({value})" if value < 0 else str(value))
)
double_leaf = st.one_of(
    st.sampled_from(["x", "y"]), ordinary.map(lambda value: f"({value!r})" if value < 0 else repr(abs(value)))
)
string_leaf = st.one_of(st.sampled_from(["s", "t"]), strings.map(quoted))
boolean_leaf = st.sampled_from(["u", "v", "true", "false"])
day_leaf = st.sampled_from(["d", "e", "as_of"])
# Beyond 292 years cel-cpp cuts a duration to that, silently, before it adds it.
seconds = st.one_of(st.integers(-10, 10**6), st.integers(-9_223_372_036, 9_223_372_036)).map(str)
comparisons = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


macros = st.sampled_from(["all", "exists", "exists_one"])
ROUNDINGS = ["round_down", "round_up", "round_half_up", "round_half_even"]
PATTERNS = [r"\d", r"^\w+$", r"\s", r"[^\sa]", r"a\b", "深.", "[a-b]+$", "(?i)A", "a{2}", "(a|é)?b", "[é-深]", r"\W"]


@st.composite
def expression(draw: st.DrawFn, kind: str, depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        leaves = {"int": integer_leaf, "double": double_leaf, "string": string_leaf, "bool": boolean_leaf}
        return draw(leaves[kind])
    inner = {name: expression(name, depth - 1) for name in ("int", "double", "string", "bool")}
    return draw(draw(st.sampled_from(_grown(kind, inner))))


def _grown(kind: str, inner: dict[str, st.SearchStrategy[str]]) -> list[st.SearchStrategy[str]]:
    whole, real, text, truth = inner["int"], inner["double"], inner["string"], inner["bool"]
    conditional = _join("({} ? {} : {})", truth, inner[kind], inner[kind])
    same = {"int": whole, "double": real, "string": text, "bool": truth}
    if kind == "int":
        return [
            _join("({} {} {})", whole, st.sampled_from("+-*/%"), whole),
            _join("(-({}))", whole),
            _join("size({})", text),
            _join("{}({}, {})", st.sampled_from(["min", "max"]), whole, whole),
            _join("min({}, {}, {})", whole, whole, whole),
            _join("share({}, {}, {})", whole, whole, whole),
            _join("basis_points({}, {})", whole, whole),
            _join("int({})", real),
            _join("years_between({}, {})", day_leaf, day_leaf),
            _join("band({}, [{}, 7], [{}, 2, {}])", whole, st.integers(-9, 6).map(str), whole, whole),
            _join("{}({}, {})", st.sampled_from(ROUNDINGS), whole, whole),
            _join("clamp({}, {}, {})", whole, whole, whole),
            _join("{}({}, {})", st.sampled_from(["months_between", "days_between"]), day_leaf, day_leaf),
            _join("{}.{}()", day_leaf, st.sampled_from(["getFullYear", "getMonth", "getDate", "getDayOfWeek"])),
            conditional,
        ]
    if kind == "double":
        return [
            _join("({} {} {})", real, st.sampled_from("+-*/"), real),
            _join("(-({}))", real),
            _join("double({})", whole),
            conditional,
        ]
    if kind == "string":
        return [_join("({} + {})", text, text), _join("string({})", whole), _join("string({})", truth), conditional]
    return [
        *[_join("({} {} {})", each, comparisons, each) for each in same.values()],
        _join("({} {} {})", day_leaf, comparisons, day_leaf),
        _join("({} - {} {} duration('{}s'))", day_leaf, day_leaf, comparisons, seconds),
        _join("({} {} duration('{}s') {} {})", day_leaf, st.sampled_from("+-"), seconds, comparisons, day_leaf),
        _join("(duration('{}s') {} ({} - {}) > duration('1s'))", seconds, st.sampled_from("+-"), day_leaf, day_leaf),
        _join("(dyn({}) {} {})", whole, comparisons, real),
        _join("(dyn({}) {} {})", real, comparisons, whole),
        _join("(dyn({}) {} {})", whole, st.sampled_from(["==", "!="]), text),
        _join("reaches({}, {}, {})", whole, whole, whole),
        _join("{}.matches({})", text, st.sampled_from(PATTERNS).map(quoted)),
        _join("[{}, 2].{}(n, n {} {})", integers.map(str), macros, comparisons, whole),
        _join("['a', {}].{}(n, {}.contains(n) && {})", strings.map(quoted), macros, text, truth),
        _join("({} && {})", truth, truth),
        _join("({} || {})", truth, truth),
        _join("(!({}))", truth),
        _join("({} in [{}, {}])", whole, whole, whole),
        _join("({} in ['', 'a', '深圳'])", text),
        _join("({} in [{}, 0.0])", real, real),
        _join("{}.{}({})", text, st.sampled_from(["contains", "startsWith", "endsWith"]), text),
        conditional,
    ]
