"""Every command of the AWS CLI in the pages names an operation and options that the service models have."""

import pathlib
import re
import shlex

import botocore.session
from botocore import xform_name

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# Options of every command, and commands that are not operations.
GLOBAL = {"--region", "--endpoint-url", "--output", "--query", "--profile", "--no-cli-pager"}
OTHERS = {("configure", "export-credentials"): {"--format"}, ("sso", "login"): {"--profile"}}


def commands():
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            text = block.replace("\\\n", " ")
            for line in re.findall(r"(?:^|[\s(])aws ([a-z].*)$", text, re.MULTILINE):
                yield page.relative_to(ROOT), words_of(line.split("|")[0])


def words_of(line):
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        # The end of a substitution in quotes.
        return shlex.split(line.rstrip(')"'))


def complaint(words):
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    if tuple(words[:2]) in OTHERS:
        return options - OTHERS[tuple(words[:2])]
    model = botocore.session.get_session().get_service_model(words[0])
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if words[1] not in operations:
        return {words[1]}
    members = model.operation_model(operations[words[1]]).input_shape.members
    return options - GLOBAL - {f"--{xform_name(member, '-')}" for member in members}


def test_every_aws_command_of_the_pages_exists():
    found = list(commands())
    assert len(found) >= 4, found
    assert {f"{page}: aws {' '.join(words)}": complaint(words) for page, words in found if complaint(words)} == {}
