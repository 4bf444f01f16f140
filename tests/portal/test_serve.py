"""Serving: only this machine unless asked; assets set up once."""

import socket
from pathlib import Path

import pytest

from siwei.cli.serve import check_address, run_server
from siwei.errors import Conflict, EnvironmentMissing, InputError
from siwei.portal import assets


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_is_served(host: str) -> None:
    check_address(host, 8000, allow_remote=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_other_machines_are_refused_unless_asked(host: str) -> None:
    with pytest.raises(InputError, match="--allow-remote"):
        check_address(host, 8000, allow_remote=False)
    check_address(host, 8000, allow_remote=True)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_cannot_be(port: int) -> None:
    with pytest.raises(InputError, match="1 to 65535"):
        check_address("127.0.0.1", port, allow_remote=False)


@pytest.mark.django_db
def test_a_taken_port_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Conflict, match="choose another --port"):
            run_server("127.0.0.1", taken.getsockname()[1])


def fake_packages(repository: Path) -> None:
    (repository / "package-lock.json").write_text("{}")
    for source in assets.FILES:
        path = repository / "node_modules" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)


def test_assets_are_copied_once_and_again_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Path] = []
    monkeypatch.setattr(assets, "run_npm", runs.append)
    fake_packages(tmp_path)
    vendor = tmp_path / "vendor"
    changed = [assets.install_vendor(tmp_path, vendor), assets.install_vendor(tmp_path, vendor)]
    (vendor / "htmx.min.js").unlink()
    changed.append(assets.install_vendor(tmp_path, vendor))
    (tmp_path / "package-lock.json").write_text('{"name": "x"}')
    changed.append(assets.install_vendor(tmp_path, vendor))
    assert (changed, len(runs)) == ([True, False, True, True], 3)
    assert sorted(path.name for path in vendor.iterdir()) == sorted([*assets.FILES.values(), assets.STAMP.name])


def test_npm_that_fails_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("not json")
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(EnvironmentMissing, match="npm registry must be reachable"):
        assets.install_vendor(tmp_path, tmp_path / "vendor")


def test_without_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="checkout"):
        assets.install_vendor(tmp_path, tmp_path / "vendor")


def test_catalogues_are_compiled_only_when_older(tmp_path: Path) -> None:
    folder = tmp_path / "zh_Hans" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "a"\nmsgstr "甲"\n'
    )
    both = [folder / "django.mo", tmp_path / "zh_Hant" / "LC_MESSAGES" / "django.mo"]
    assert assets.compile_locales(tmp_path) == both and both[0].read_bytes() == both[1].read_bytes()
    assert assets.compile_locales(tmp_path) == []
