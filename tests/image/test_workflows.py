"""The workflows run only what is pinned, with no more rights than they use, and what they sign they name by digest."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PINNED = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)$")


def passes(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def jobs(name):
    return yaml.safe_load((ROOT / ".github/workflows" / name).read_text())["jobs"]


def steps():
    return [step for workflow in WORKFLOWS for job in jobs(workflow.name).values() for step in job.get("steps", [])]


def test_the_workflows_are_there():
    assert [workflow.name for workflow in WORKFLOWS] == ["release.yml", "tests.yml"]
    assert len(steps()) > 20


def test_actionlint_finds_nothing():
    command = ["go", "tool", "actionlint", "-no-color", *WORKFLOWS]
    passes(command, cwd=Path(__file__).with_name("tools"))


def test_zizmor_finds_nothing():
    passes(["zizmor", "--offline", "--no-progress", "--pedantic", *WORKFLOWS])


def test_hadolint_finds_nothing():
    # DL3008: the versions of Debian's packages are those of a stable release.
    passes(["hadolint", "--ignore", "DL3008", ROOT / "Dockerfile"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(workflow):
    lines = [line.strip().removeprefix("- ") for line in workflow.read_text().splitlines() if "uses:" in line]
    foreign = [line for line in lines if "uses: ./" not in line]
    assert foreign
    assert [line for line in foreign if not PINNED.match(line)] == []


def test_one_action_has_one_commit_and_one_version_everywhere():
    pins = {}
    for workflow in WORKFLOWS:
        for line in workflow.read_text().splitlines():
            if found := PINNED.search(line.strip()):
                pins.setdefault(found["action"], set()).add((found["commit"], found["version"]))
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


def test_only_the_job_that_makes_the_release_may_write_to_the_repository():
    for workflow in WORKFLOWS:
        assert yaml.safe_load(workflow.read_text())["permissions"] == {}
        for name, job in jobs(workflow.name).items():
            writes = {right for right, level in job["permissions"].items() if level == "write"}
            expected = {
                ("release.yml", "image"): {"packages", "id-token", "attestations"},
                ("release.yml", "chart"): {"packages", "id-token", "attestations"},
                ("release.yml", "publish"): {"contents", "id-token", "attestations"},
            }
            assert writes == expected.get((workflow.name, name), set()), f"{workflow.name}: {name}"


def test_nothing_is_published_before_the_tests_pass():
    release = jobs("release.yml")
    needs = {name: job.get("needs", []) for name, job in release.items()}
    needs = {name: [found] if isinstance(found, str) else found for name, found in needs.items()}

    def before(name):
        return set(needs[name]).union(*(before(earlier) for earlier in needs[name]))

    assert {name for name in release if "tests" not in before(name)} == {"tests"}
    assert before("publish") == {"tests", "image", "macos", "chart"}


def test_what_is_signed_is_named_by_digest():
    signed = [step for step in steps() if "cosign sign " in step.get("run", "")]
    assert len(signed) == 2
    for step in signed:
        [(variable, value)] = step["env"].items()
        assert re.search(r"@\$\{\{ steps\.\w+\.outputs\.digest \}\}$", value), value
        assert f'"${variable}"' in step["run"]
    attested = [step["with"] for step in steps() if step.get("uses", "").startswith("actions/attest@")]
    assert len(attested) == 5
    assert all("subject-digest" in inputs or "subject-checksums" in inputs for inputs in attested)
    assert sum("sbom-path" in inputs for inputs in attested) == 2


def test_image_chart_and_files_are_signed_and_attested():
    for name in ("image", "chart", "publish"):
        text = str(jobs("release.yml")[name]["steps"])
        assert "cosign sign" in text and "actions/attest@" in text, name


def test_no_text_from_outside_becomes_part_of_a_command():
    found = [step["run"] for step in steps() if "${{" in step.get("run", "")]
    assert found == []


def test_every_base_image_is_pinned_by_digest():
    bases = [line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("FROM ")]
    stages = [words[words.index("AS") + 1] for words in bases]
    images = [next(word for word in words if not word.startswith("--")) for words in bases]
    foreign = [image for image in images if image != "scratch" and image not in stages]
    assert len(foreign) == 1
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", image) for image in foreign), foreign


def test_the_compiler_runs_on_the_platform_that_builds_and_not_under_emulation():
    assert re.search(r"^FROM --platform=\$BUILDPLATFORM rust:", DOCKERFILE, re.MULTILINE)
    bases = re.findall(r"^FROM (?:--\S+ )?(\S+) AS \w+$", DOCKERFILE, re.MULTILINE)
    assert {base.split(":")[0] for base in bases} == {"rust", "tools", "scratch"}, bases


def test_dependencies_are_compiled_before_the_sources_arrive():
    build = DOCKERFILE[DOCKERFILE.index("FROM tools AS build") :]
    assert 0 < build.index("static.sh \"$TARGETARCH\" cook") < build.index("COPY . .") < build.index("ARG REVISION")
    assert "--mount=type=cache" not in DOCKERFILE


def test_image_and_workflows_use_the_same_rust():
    [of_image] = re.findall(r"rust:(\d+\.\d+)-slim", DOCKERFILE)
    of_workflows = set(re.findall(r"rustup toolchain install (\d+\.\d+)\.\d+", "".join(w.read_text() for w in WORKFLOWS)))
    assert of_workflows == {of_image}


def test_the_workflow_runs_the_scripts_that_are_checked_here():
    called = set(re.findall(r"packaging/[\w-]+\.sh", "".join(workflow.read_text() for workflow in WORKFLOWS)))
    assert called and all((ROOT / script).is_file() for script in called)
