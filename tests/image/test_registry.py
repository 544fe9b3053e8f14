"""What the release pushes to a registry is there under the digest that it signs. The registry is a real one, on loopback."""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from ports import free_port

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "5" * 64
HOME = "https://git.example.org/team/operator"
CONFIGURATION = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {directory}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def made_by(script, *arguments):
    return subprocess.run([ROOT / "packaging" / script, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    work = tmp_path_factory.mktemp("registry")
    machine = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    made_by("unpack.sh", work / "unpacked", machine, "docker-registry")
    port = free_port()
    (work / "config.yml").write_text(CONFIGURATION.format(directory=work / "data", port=port))
    with (work / "log").open("w") as log:
        command = [work / "unpacked/usr/bin/docker-registry", "serve", work / "config.yml"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5).close()
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, (work / "log").read_text()
            time.sleep(0.1)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=30)


def test_the_registry_has_the_chart_under_the_digest_that_is_signed(registry, tmp_path):
    made_by("chart.sh", tmp_path, "registry.example.org", "team/operator", DIGEST, HOME)
    said = made_by("push-chart.sh", tmp_path, f"{registry}/charts", "--plain-http")
    pushed = dict(line.split("=", 1) for line in said.splitlines())
    assert pushed["name"] == f"{registry}/charts/sequencestore-operator"
    command = ["helm", "template", "r", f"oci://{pushed['name']}@{pushed['digest']}", "--plain-http"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HELM_CACHE_HOME": str(tmp_path / "helm")})
    assert done.returncode == 0, done.stderr
    assert f"registry.example.org/team/operator@{DIGEST}" in done.stdout


def test_a_chart_that_the_registry_does_not_take_fails_the_release(tmp_path):
    made_by("chart.sh", tmp_path, "registry.example.org", "team/operator", DIGEST, HOME)
    nobody = f"127.0.0.1:{free_port()}"
    script = [ROOT / "packaging/push-chart.sh", tmp_path, f"{nobody}/charts", "--plain-http"]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and nobody in done.stderr
