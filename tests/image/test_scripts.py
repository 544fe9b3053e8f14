"""The scripts of the release refuse what does not fit together, and make the same bytes from the same input."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
DIGEST = "sha256:" + "5" * 64
HOME = "https://git.example.org/team/operator"
RELEASED = {
    "GITHUB_REF_NAME": f"v{VERSION}",
    "GITHUB_REPOSITORY": "Team/Operator",
    "GITHUB_SERVER_URL": "https://git.example.org",
    "SEQSTORE_REVISION": "0" * 40,
    "SOURCE_DATE_EPOCH": "1764140000",
}


def run(script, *arguments, root=ROOT, **environment):
    command = [root / "packaging" / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **RELEASED, **environment})


def made_by(script, *arguments, root=ROOT, **environment):
    done = run(script, *arguments, root=root, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the scripts read, whose changelog knows the version."""
    root = tmp_path / "checkout"
    (root / "crds").mkdir(parents=True)
    for directory in ("packaging", "charts", "crds"):
        shutil.copytree(ROOT / directory, root / directory, dirs_exist_ok=True)
    for file in ("Cargo.toml", "LICENSE"):
        shutil.copy(ROOT / file, root)
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{VERSION}]\n\n### Added\n\n- All of it.\n\n## [0.0.1]\n\n- Less.\n")
    return root


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "sequencestore-operator"
    file.write_text("#!/bin/sh\necho program\n")
    return file


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_shellcheck_finds_nothing():
    scripts = [*PACKAGING.glob("*.sh"), *ROOT.glob("tests/*.sh"), *ROOT.glob("tests/*/*.sh"), ROOT / ".ci/run"]
    done = subprocess.run(["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_scripts_start_where_nothing_else_is(tmp_path):
    """The first layers of the image hold these files alone."""
    shutil.copytree(PACKAGING, tmp_path / "packaging")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"source {tmp_path}/packaging/common.sh; echo $name"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "sequencestore-operator\n"), done.stderr


def test_a_tag_that_is_not_the_version_is_refused(checkout):
    done = run("release-facts.sh", root=checkout, GITHUB_REF_NAME="v9.9.9")
    assert done.returncode == 1
    assert "the tag is v9.9.9" in done.stderr and VERSION in done.stderr


def test_a_chart_of_another_version_is_refused(checkout):
    chart = checkout / "charts/sequencestore-operator/Chart.yaml"
    for line in (f"version: {VERSION}", f'appVersion: "{VERSION}"'):
        text = chart.read_text()
        chart.write_text(text.replace(f"\n{line}\n", "\n" + line.replace(VERSION, "9.9.9") + "\n"))
        assert chart.read_text() != text
        assert "Chart.yaml has another" in run("release-facts.sh", root=checkout).stderr
        chart.write_text(text)
    assert run("release-facts.sh", root=checkout).returncode == 0


def test_a_version_that_the_changelog_does_not_know_is_refused(checkout):
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- Something.\n")
    assert "CHANGELOG.md has no section" in run("release-facts.sh", root=checkout).stderr
    assert run("release-notes.sh", root=checkout).returncode == 1


def test_the_facts_of_a_release_name_its_version_commit_time_and_source(checkout):
    facts = made_by("release-facts.sh", root=checkout)
    assert "repository=team/operator\n" in facts
    for line in (
        f"VERSION={VERSION}",
        "REVISION=" + "0" * 40,
        "CREATED=2025-11-26T06:53:20Z",
        "SOURCE=https://git.example.org/Team/Operator",
        "SOURCE_DATE_EPOCH=1764140000",
    ):
        assert f"\n{line}\n" in facts, facts


def test_the_notes_of_a_release_are_its_section_of_the_changelog(checkout):
    assert made_by("release-notes.sh", root=checkout).split("\n\n") == ["### Added", "- All of it.\n"]


def test_the_plugin_is_packed_to_the_same_bytes(program, tmp_path):
    first, second = (
        Path(made_by("archive.sh", program, "linux", "amd64", tmp_path / name).strip()) for name in ("one", "two")
    )
    assert first != second and first.name == f"kubectl-seqstore_v{VERSION}_linux_amd64.tar.gz"
    assert sha256(first) == sha256(second)
    with tarfile.open(first) as archive:
        entries = {entry.name: (entry.mode, entry.uid, entry.uname, entry.mtime) for entry in archive}
    time = int(RELEASED["SOURCE_DATE_EPOCH"])
    assert entries == {"LICENSE": (0o644, 0, "", time), "kubectl-seqstore": (0o755, 0, "", time)}


def test_the_krew_manifest_names_each_archive_with_its_checksum(program, tmp_path):
    platforms = [("darwin", "arm64"), ("linux", "amd64"), ("linux", "arm64")]
    for system, machine in platforms:
        made_by("archive.sh", program, system, machine, tmp_path)
    manifest = yaml.safe_load(made_by("krew.sh", tmp_path, HOME))
    assert manifest["metadata"]["name"] == "seqstore"
    found = manifest["spec"]["platforms"]
    assert [tuple(place["selector"]["matchLabels"].values()) for place in found] == platforms
    for place in found:
        file = tmp_path / place["uri"].rsplit("/")[-1]
        assert place["uri"] == f"{HOME}/releases/download/v{VERSION}/{file.name}"
        assert place["sha256"] == sha256(file)


def packed_chart(directory):
    return Path(made_by("chart.sh", directory, "registry.example.org", "team/operator", DIGEST, HOME).strip())


def test_the_packed_chart_runs_the_image_of_the_release_by_digest(tmp_path):
    chart = packed_chart(tmp_path)
    rendered = subprocess.run(["helm", "template", "r", chart], capture_output=True, text=True, check=True).stdout
    [deployment] = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.org/team/operator@{DIGEST}"


def test_the_alerts_of_the_packed_chart_link_to_the_runbooks_of_its_version(tmp_path):
    command = ["helm", "template", "r", packed_chart(tmp_path), "--set", "prometheusRule.enabled=true"]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [rules] = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] == "PrometheusRule"]
    alerts = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert alerts
    for alert in alerts:
        assert alert["annotations"]["runbook_url"] == f"{HOME}/blob/v{VERSION}/docs/runbooks/{alert['alert']}.md"


def test_packing_the_chart_changes_nothing_but_the_image_and_the_runbooks(tmp_path):
    chart = packed_chart(tmp_path)
    with tarfile.open(chart) as archive:
        packed = archive.extractfile("sequencestore-operator/values.yaml").read().decode().splitlines()
    here = (ROOT / "charts/sequencestore-operator/values.yaml").read_text().splitlines()
    assert len(packed) == len(here)
    changed = {line.split(":")[0].strip() for line, old in zip(packed, here) if line != old}
    assert changed == {"registry", "repository", "digest", "runbookUrl"}


def test_the_chart_is_packed_to_the_same_bytes(tmp_path):
    assert sha256(packed_chart(tmp_path / "one")) == sha256(packed_chart(tmp_path / "two"))


def test_a_chart_is_not_packed_without_a_digest(tmp_path):
    done = run("chart.sh", tmp_path, "registry.example.org", "team/operator", "latest", HOME)
    assert done.returncode == 2 and "'latest' is no digest" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_manifests_hold_the_crd_and_an_install_that_names_the_image_by_digest(tmp_path):
    made_by("manifests.sh", packed_chart(tmp_path), tmp_path)
    assert (tmp_path / "crds.yaml").read_text() == (ROOT / "crds/sequencestores.yaml").read_text()
    documents = [one for one in yaml.safe_load_all((tmp_path / "install.yaml").read_text()) if one]
    assert documents[0]["kind"] == "Namespace"
    kinds = {one["kind"] for one in documents}
    assert {"CustomResourceDefinition", "Deployment", "ServiceAccount", "ClusterRole"} <= kinds
    crds = [one["metadata"]["name"] for one in documents if one["kind"] == "CustomResourceDefinition"]
    assert crds == ["sequencestores.healthomics.dev"]
    assert f"@{DIGEST}" in (tmp_path / "install.yaml").read_text()


def test_the_checksums_cover_every_file_of_a_release(program, tmp_path):
    made = tmp_path / "from"
    for place in ("linux_amd64", "linux_arm64", "darwin_arm64"):
        (made / place).mkdir(parents=True)
        shutil.copy(program, made / place / "sequencestore-operator")
        if place.startswith("linux"):
            (made / place / "sequencestore-operator.cdx.json").write_text("{}")
    made_by("manifests.sh", packed_chart(made), made)
    release = tmp_path / "release"
    made_by("release-files.sh", made, release, HOME)
    sums = dict(reversed(line.split()) for line in (release / "SHA256SUMS").read_text().splitlines())
    assert sums == {file.name: sha256(file) for file in release.iterdir() if file.name != "SHA256SUMS"}
    assert {name for name in sums if not name.startswith(("kubectl-seqstore_", "sequencestore-operator"))} == {
        "crds.yaml",
        "install.yaml",
        "seqstore.yaml",
    }
    assert len(sums) == 3 + 3 + 2 + 1
