"""Where the city's machine may be sent by a provider, and where not."""

import pytest

from siwei.errors import InputError
from siwei.exchange.calls.upstream_addresses import allowed_targets, parse_base_url, refused_number

NONE: frozenset[tuple[str, int]] = frozenset()


def test_a_public_https_address_is_taken_apart() -> None:
    endpoint = parse_base_url("https://Models.example:8443/v1/", NONE)
    assert (endpoint.origin, endpoint.path) == ("https://models.example:8443", "/v1")
    assert parse_base_url("https://[2600::1]/v1", NONE).origin == "https://[2600::1]:443"


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example/v1", "ftp://models.example", "https://", "models.example", "https://a:b@models.example",
        "https://models.example/v1?x=1", "https://models.example/#a", "https://models.example:0x/", "https://exa mple",
        "https://127.0.0.1/v1", "https://10.1.2.3", "https://192.168.0.1", "https://169.254.169.254/latest",
        "https://100.64.0.1", "https://0.0.0.0", "https://[::1]", "https://[fe80::1]", "https://[::ffff:10.0.0.1]",
        "https://[2002:7f00:1::]", "https://2130706433", "https://0x7f000001", "https://127.1", "https://224.0.0.1",
        "https://模型.example", "https://models.example/\n", "https://" + "a" * 300,
    ],
)  # fmt: skip
def test_what_is_refused(url: str) -> None:
    with pytest.raises(InputError) as said:
        parse_base_url(url, NONE)
    assert [problem.field for problem in said.value.problems] == ["base_url"]


def test_the_operator_may_name_a_target_exactly() -> None:
    allowed = allowed_targets("127.0.0.1:9000, [::1]:9001,models.internal:80")
    assert parse_base_url("http://127.0.0.1:9000/v1", allowed).port == 9000
    assert parse_base_url("http://[::1]:9001", allowed).port == 9001
    assert parse_base_url("http://models.internal", allowed).host == "models.internal"
    for url in ("http://127.0.0.1:9001", "https://127.0.0.1", "http://127.0.0.2:9000"):
        with pytest.raises(InputError):
            parse_base_url(url, allowed)


@pytest.mark.parametrize("setting", ["127.0.0.1", "host:", ":80", "host:0", "host:99999", "host:x"])
def test_a_setting_that_names_no_target(setting: str) -> None:
    with pytest.raises(InputError):
        allowed_targets(setting)


def test_a_name_is_judged_when_it_is_resolved() -> None:
    assert [refused_number(host) for host in ("models.example", "8.8.8.8", "2600::1")] == ["", "", ""]
