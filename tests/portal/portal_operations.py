"""Every operation of the API with a request that names the firm's own things, made from its OpenAPI description, so
that a new operation is tried without being remembered; and every act by its name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from siwei.portal.acts import ACTS, ON_AGREEMENTS, ON_LISTINGS, ON_ORGANISATIONS
from siwei.portal.api import api

FIRM = "n-00000000000000aa"
IDENTIFIERS: Mapping[str, Any] = {
    "organisation": FIRM, "consumer": FIRM, "payer": FIRM, "owner": FIRM, "issuer": FIRM, "provider": FIRM,
    "agreement": "deal", "line": 1, "number": 1, "need": "need", "offer": "offer", "listing": "need",
    "quote": "told", "voucher": "voucher", "job": "job", "programme": "xunli", "programme_id": "xunli",
    "period": "2026-11", "identifier": "0" * 12, "name": "none", "idempotency_key": "outsider", "q": "jia",
    "ends_on": "2027-01-31",
    "expires_on": "2027-01-31", "starts_on": "2026-11-23", "execute_on": "2027-01-31", "text": "文", "because": "文",
    "indicator_id": "source.chain-coverage", "segment_id": "machine-vision", "sha256": "ab" * 32, "id": "deal/1",
    "decision": "decision", "kind": "compute", "side": "need", "amount": 1, "project": "", "role": "owner",
    "username": "alice", "purpose": "contact", "claim": "none",
}  # fmt: skip
KEYS = {
    "/api/agreement": "deal", "/api/listing": "need", "/api/quote": "told", "/api/project": f"{FIRM}/灵巧手",
    "/api/listing/revision": "need", "/api/jobs": "job", "/api/upstream": "upstream", "/api/projects": FIRM,
    "/api/organisations": FIRM, "/api/project/declarations": f"{FIRM}/灵巧手",
}  # fmt: skip
"""What `key` names, by the longest beginning of a path."""


VALUES = {"compute_rental": {"value": "1"}}
PROVEN = {"compute_rental": {"value": "1", "evidence": "文"}}
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/api/organisations/{key}/declarations": {"values": VALUES},
    "/api/project/declarations": {"values": VALUES, "project": f"{FIRM}/灵巧手"},
    "/api/organisations/{key}/proofs": {"values": PROVEN},
    "/api/project/proofs": {"values": PROVEN, "project": f"{FIRM}/灵巧手"},
    "/api/fact-files": {"organisation": FIRM, "attribute": "compute_rental"},
    "/api/person/files": {"attribute": "highest_degree"},
    "/api/person/proofs": {"attribute": "highest_degree"},
    "/api/person/declarations": {"values": {"highest_degree": {"value": "doctor"}}},
    "/api/organisations/{key}/applications": {"documents": [{"kind": "contract", "number": "HT-1"}]},
    "/api/jobs": {"specification": {"command": ["true"], "wall_limit_s": 60}},
    "/api/payments/statements": {"holder": FIRM, "content": "PD94bWw+"},
    "/api/payments/reports": {"holder": FIRM, "content": "PD94bWw+"},
    "/api/counter-readings": {"reading": "job.1"},
    "/api/policy/combine": {"id": None},
}
"""Where what a description says is not enough to get as far as the question of who asks."""


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    address: str
    body: Any
    is_multipart: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def ask(self, client: Client) -> Any:
        if self.method == "GET":
            return client.get(self.address)
        if self.is_multipart:
            files = {"file": SimpleUploadedFile("paper.pdf", b"%PDF-1.7 paper")}
            return client.post(self.address, {**self.body, **files})
        ask = getattr(client, self.method.lower())
        return ask(self.address, self.body if self.body is not None else {}, content_type="application/json")


def operations() -> Iterator[Operation]:
    schema = api.get_openapi_schema()
    for path, methods in schema["paths"].items():
        for method, described in methods.items():
            if path == "/api/acts/{act}":
                yield from (_operation(schema, path, method, described, act) for act in ACTS)
            else:
                yield _operation(schema, path, method, described, "")


def _operation(schema: Any, path: str, method: str, described: Any, act: str) -> Operation:
    address, query = path.replace("{act}", act), []
    for each in described.get("parameters", ()):
        name, value = each["name"], _value(schema, each["name"], each["schema"], path)
        if each["in"] == "path":
            address = address.replace(f"{{{name}}}", str(value))
        elif each.get("required"):
            query.append(f"{name}={value}")
    content = described.get("requestBody", {}).get("content", {})
    form = next(iter(content), "")
    body = _value(schema, "", content[form]["schema"], path) if form else None
    if body is not None and path in BODIES:
        body = {**body, **BODIES[path]}
    if act:
        body = {**body, **_of_act(act)}
    return Operation(
        method.upper(), path.replace("{act}", act), address + ("?" + "&".join(query) if query else ""), body,
        form.startswith("multipart/"),
    )  # fmt: skip


def _of_act(act: str) -> dict[str, Any]:
    named = {"key": "deal", "number": 1, "text": "文", "amount": 1, "role": "member", "dispute": "none"}
    if act in ON_AGREEMENTS:
        return named
    if act in ON_ORGANISATIONS:
        return {**named, "key": FIRM, "starts_on": "2026-11-23", "ends_on": "2027-01-31", "unit": "fen"}
    if act in ON_LISTINGS:
        key = "told" if act == "propose" else "need"
        return {**named, "key": key, "need": "need", "offer": "offer", "ends_on": "2027-01-31"}
    return {**named, "key": "job" if act == "stop" else FIRM, "ends_on": "2027-01-31", "starts_on": "2026-11-23"}


def _value(schema: Any, name: str, given: Any, path: str) -> Any:
    if "$ref" in given:
        given = schema["components"]["schemas"][given["$ref"].rpartition("/")[2]]
    if name == "key":
        return KEYS[max((each for each in KEYS if path.startswith(each)), key=len, default="/api/agreement")]
    if name in IDENTIFIERS and given.get("type") not in ("array", "object"):
        return IDENTIFIERS[name]
    if "properties" in given:
        wanted = set(given.get("required", ())) | (set(given["properties"]) & set(IDENTIFIERS))
        return {
            each: _value(schema, each, member, path) for each, member in given["properties"].items() if each in wanted
        }
    return _plain(schema, name, given, path)


def _plain(schema: Any, name: str, given: Any, path: str) -> Any:
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in given:
            return _value(schema, name, given[choice][0], path)
    if "enum" in given:
        return given["enum"][0]
    if "const" in given:
        return given["const"]
    kind = given.get("type")
    if kind == "array":
        return [_value(schema, "", given["items"], path)] if "items" in given else []
    if kind in ("integer", "number"):
        return max(1, given.get("minimum", 1))
    if kind == "boolean":
        return True
    if kind == "object" or kind is None:
        return {}
    by_format = {"date": "2027-01-31", "date-time": "2027-01-31T00:00:00Z"}
    return by_format.get(given.get("format", ""), "x" * max(1, given.get("minLength", 1)))
