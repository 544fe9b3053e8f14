"""The image holds the program, its roots and the licence, and runs."""

import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme

from elf import INTERPRETER, Elf
from ports import free_port

ROOT = Path(__file__).parents[2]
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
LIMIT = 15_000_000
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def test_the_image_is_at_most_15_megabytes(image, record_property):
    sizes = {entry.name: entry.size for entry in image.entries if entry.isfile()}
    print(f"\n{image.platform}: {sum(sizes.values())} bytes: {sizes}")
    assert sum(sizes.values()) <= LIMIT, sizes


def test_the_image_holds_the_program_its_roots_and_the_licence_and_no_shell(image):
    assert {entry.name for entry in image.entries if not entry.isdir()} == {
        "LICENSE",
        "etc/ssl/certs/ca-certificates.crt",
        "sequencestore-operator",
    }
    assert image.run("/bin/sh", "-c", "true").returncode != 0


def test_nobody_but_root_may_change_a_file_of_the_image(image):
    assert {(entry.uid, entry.gid) for entry in image.entries} == {(0, 0)}
    assert [entry.name for entry in image.entries if entry.mode & 0o022] == []


def test_every_file_has_the_time_of_the_commit(image):
    times = {entry.mtime for entry in image.entries}
    assert times == {int(os.environ["SOURCE_DATE_EPOCH"])}


def test_the_image_runs_as_a_user_without_rights_given_as_a_number(image):
    assert image.config["config"]["User"] == "65532:65532"


def test_the_image_starts_the_operator(image):
    config = image.config["config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["/sequencestore-operator"], ["run"])
    assert set(config["ExposedPorts"]) == {"8080/tcp", "8081/tcp"} or set(config["ExposedPorts"]) == {"8080", "8081"}


def test_the_image_is_of_its_platform(image):
    assert (image.config["os"], image.config["architecture"]) == ("linux", image.platform)
    assert Elf(image.program()).machine == image.platform


def test_the_labels_are_whole(image):
    labels = image.config["config"]["Labels"]
    prefix = "org.opencontainers.image."
    found = {name.removeprefix(prefix): value for name, value in labels.items() if name.startswith(prefix)}
    assert set(found) == {
        "created", "description", "documentation", "licenses", "revision", "source", "title", "url", "vendor", "version",
    }  # fmt: skip
    assert found["version"] == VERSION and found["revision"] == os.environ["SEQSTORE_REVISION"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["created"])
    assert found["licenses"] == "Apache-2.0"
    assert all(value and not value.startswith("unknown") for value in found.values()), found


def test_the_program_is_static(image):
    assert INTERPRETER not in Elf(image.program()).segment_types()


def test_the_program_says_its_version(image):
    done = image.run("/sequencestore-operator", "--version")
    assert (done.returncode, done.stdout) == (0, f"sequencestore-operator {VERSION}\n"), done.stderr


def test_the_roots_are_those_that_the_web_trusts_and_amazons_among_them(image):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(image.rootfs / ROOTS.lstrip("/"))
    names = [dict(pair[0] for pair in one["subject"]).get("commonName") for one in context.get_ca_certs()]
    assert len(names) > 100
    assert {f"Amazon Root CA {number}" for number in range(1, 5)} <= set(names)


class Stores(http.server.BaseHTTPRequestHandler):
    """An AWS account without stores."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"sequenceStores":[]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def aws(authority):
    """The address of an AWS endpoint with TLS, whose certificate this authority has signed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stores)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()


def export(image, aws, **options):
    environment = {**AWS, "AWS_ENDPOINT_URL_OMICS": aws}
    return image.run("/sequencestore-operator", "export", "--bare", "-o", "table", environment=environment, **options)


def test_the_program_trusts_the_roots_in_the_file_of_the_image(image, aws, authority, tmp_path):
    others = export(image, aws)
    assert others.returncode == 2 and "ListSequenceStores" in others.stderr, others.stderr
    file = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(file)
    trusted = export(image, aws, mounts=[(file, ROOTS)])
    assert trusted.returncode == 0, trusted.stderr


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return None, str(error)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory):
    plane = subprocess.Popen(["control-plane", "run"], stdout=subprocess.PIPE, text=True)
    path = Path(plane.stdout.readline().removeprefix("export KUBECONFIG=").strip())
    crd = ROOT / "crds/sequencestores.yaml"
    subprocess.run(["kubectl", "--kubeconfig", path, "apply", "-f", crd], check=True, capture_output=True)
    # The user of the image may not read the file of the administrator.
    view = ["kubectl", "--kubeconfig", path, "config", "view", "--raw", "--flatten"]
    copy = tmp_path_factory.mktemp("kubeconfig") / "config"
    copy.write_bytes(subprocess.run(view, check=True, capture_output=True).stdout)
    copy.chmod(0o644)
    yield copy
    plane.send_signal(signal.SIGINT)
    assert plane.wait(timeout=60) == 0


def test_the_operator_gets_ready_in_the_image(image, kubeconfig):
    health, metrics = free_port(), free_port()
    command = image.command(
        "/sequencestore-operator", "run", "--health-probe-bind-address", f"127.0.0.1:{health}",
        "--metrics-bind-address", f"127.0.0.1:{metrics}",
        mounts=[(kubeconfig, "/kubeconfig")], environment={**AWS, "KUBECONFIG": "/kubeconfig"},
    )  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while (answer := get(f"http://127.0.0.1:{health}/readyz"))[0] != 200:
            assert process.poll() is None and time.monotonic() < deadline, (answer, process.communicate(timeout=5)[0])
            time.sleep(0.2)
        assert get(f"http://127.0.0.1:{health}/healthz")[0] == 200
        page = get(f"http://127.0.0.1:{metrics}/metrics")[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)
    [info] = [line for line in page.splitlines() if line.startswith("sequencestore_build_info{")]
    assert f'version="{VERSION}"' in info and f'revision="{os.environ["SEQSTORE_REVISION"]}"' in info, info


def test_the_image_is_made_to_the_same_digest(image, tmp_path):
    digests = {
        subprocess.run(
            [ROOT / "packaging/image-local.sh", image.program(), image.platform, tmp_path / f"{turn}.tar"],
            check=True, capture_output=True, text=True,
        ).stdout
        for turn in ("one", "two")
    }  # fmt: skip
    published = json.loads((image.unpacked / "index.json").read_text())["manifests"][0]["digest"]
    assert digests == {f"{published}\n"}
