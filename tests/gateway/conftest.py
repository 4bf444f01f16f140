"""The running gateway, once for all tests of this folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from gateway_at_hand import HERE, SIWEI, UPSTREAM_SECRET, Running, encoder_folder, free_port, own_database, started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks the running gateway uses a database: it runs on both."""
    for item in items:
        if "running" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.database)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("gateway")
    environment = os.environ | own_database()
    environment |= {"SIWEI_CITY": str(directory / "city"), "PYTHONPATH": str(HERE)}
    text, text_url = started([sys.executable, str(HERE / "text_server.py")], environment)
    encoder = [sys.executable, "-m", "siwei.compute.serving.embeddings", str(encoder_folder())]
    embeddings, embeddings_url = started([*encoder, "--name", "all-MiniLM-L6-v2", "--port", "0"], environment)
    secrets = directory / "secrets.toml"
    secrets.write_text(f'centre = "{UPSTREAM_SECRET}"\n')
    secrets.chmod(0o600)
    targets = ",".join(url.split("/")[2] for url in (text_url, embeddings_url))
    environment |= {"SIWEI_GATEWAY_PRIVATE_UPSTREAMS": targets, "SIWEI_GATEWAY_SECRETS": str(secrets)}
    subprocess.run([*SIWEI, "init", str(directory / "city")], env=environment, check=True, capture_output=True)
    upstreams = json.dumps({"tiny": text_url, "minilm": embeddings_url})
    filled = subprocess.run(
        [sys.executable, str(HERE / "gateway_city.py"), upstreams], env=environment, capture_output=True, text=True
    )
    assert filled.returncode == 0, filled.stderr
    gateway = Running(environment, json.loads(filled.stdout), free_port(), directory / "log", text_url)
    gateway.start()
    yield gateway
    for client in gateway.clients:
        client.close()
    gateway.end()
    for process in (text, embeddings):
        process.terminate()
        process.wait(120)
        assert process.stdout is not None
        process.stdout.close()
