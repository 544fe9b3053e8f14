"""What is packed says what it is made of, and is the same wherever it is built."""

import hashlib
import json
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from elf import Elf

ROOT = Path(__file__).parents[2]
HOME_PAGE = "https://git.example.org/team/operator"


def crates_inside(image, kinds=("runtime",)):
    """Names and versions that cargo-auditable has written into the program; macros count as `build`."""
    packages = json.loads(zlib.decompress(Elf(image.program()).sections()[".dep-v0"]))["packages"]
    return {(one["name"], one["version"]) for one in packages if one.get("kind", "runtime") in kinds}


def sbom(image, files):
    return json.loads((files / f"linux_{image.platform}/sequencestore-operator.cdx.json").read_text())


def test_the_program_names_the_crates_that_it_is_made_of(image):
    inside = crates_inside(image)
    assert {"kube-client", "rustls", "aws-sdk-omics", "tokio"} <= {name for name, _ in inside}
    locked = (ROOT / "Cargo.lock").read_text()
    assert [one for one in inside if f'name = "{one[0]}"\nversion = "{one[1]}"' not in locked] == []


def test_the_sbom_names_the_same_crates_as_the_program(image, files):
    found = sbom(image, files)
    assert (found["bomFormat"], found["metadata"]["component"]["name"]) == ("CycloneDX", "sequencestore-operator")
    listed = {(one["name"], one["version"]) for one in found["components"]}
    own = {one for one in crates_inside(image) if one[0] == "sequencestore-operator"}
    assert crates_inside(image) - own - listed == set()
    assert listed - crates_inside(image, ("runtime", "build")) == set()


def test_the_sbom_gives_licence_and_hash_of_every_crate(image, files):
    crates = sbom(image, files)["components"]
    assert [one["name"] for one in crates if not one.get("licenses")] == []
    assert [one["name"] for one in crates if not any(h["alg"] == "SHA-256" for h in one.get("hashes", []))] == []


def test_nothing_in_program_and_sbom_tells_where_they_were_built(image, files):
    places = {str(ROOT), str(Path.home()), os.environ["SEQSTORE_TARGET_DIR"], os.environ.get("CARGO_HOME") or "/.cargo/registry"}
    for data in (image.program().read_bytes(), json.dumps(sbom(image, files)).encode()):
        assert [place for place in places if len(place) > 1 and place.encode() in data] == []


def test_the_program_is_the_same_from_another_directory(files):
    again = sorted(files.glob("again/linux_*/sequencestore-operator"))
    assert again, "no second build: `make release-check` makes it"
    for program in again:
        first = files / program.parent.name / program.name
        assert hashlib.sha256(program.read_bytes()).digest() == hashlib.sha256(first.read_bytes()).digest(), program


@pytest.fixture(scope="module")
def krew(tmp_path_factory):
    program = tmp_path_factory.mktemp("krew") / "krew"
    tools = Path(__file__).with_name("tools")
    subprocess.run(["go", "build", "-o", program, "sigs.k8s.io/krew/cmd/krew"], cwd=tools, check=True)
    return program


def test_krew_installs_the_plugin_from_the_archive_and_kubectl_runs_it(image, krew, files, tmp_path):
    if image.platform != {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]:
        pytest.skip("krew installs for this machine's platform")
    made = tmp_path / "dist"
    archive = subprocess.run(
        [ROOT / "packaging/archive.sh", image.program(), "linux", image.platform, made], check=True, capture_output=True, text=True
    ).stdout.strip()
    manifest = made / "seqstore.yaml"
    manifest.write_bytes(subprocess.run([ROOT / "packaging/krew.sh", made, HOME_PAGE], check=True, capture_output=True).stdout)
    environment = {**os.environ, "KREW_ROOT": str(tmp_path / "krew"), "PATH": f"{tmp_path}/krew/bin:{os.environ['PATH']}"}
    command = [krew, "install", f"--manifest={manifest}", f"--archive={archive}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(["kubectl", "seqstore", "permissions", "--for", "observe"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "omics:GetSequenceStore" in done.stdout, done.stderr
    shutil.rmtree(tmp_path / "krew")
