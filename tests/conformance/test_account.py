"""The questions to a real account, asked of the simulator: the report says how the simulator is set, and nothing is left behind."""

import json
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).parents[1] / "aws-conformance" / "main.py"
# Every knob that the program can tell, in another position than the default one.
OTHERWISE = {
    "creatingGets": 1, "nullMode": "null", "awsOwnedKey": "structure", "s3AccessWhileCreating": False, "nameFilter": "substring",
    "listLagMs": 1200, "tokenMismatch": "replay", "tokenSurvivesDelete": False, "updatingWhen": "always", "updatingGets": 1,
    "getLagMs": 1200, "clearedValues": "empty", "maxPropagatedKeys": 50, "tagsMoveUpdateTime": True, "tagsLagMs": 1200,
    "tagLimitIsQuota": True, "foreignArn": "accessDenied", "policyLagMs": 1200, "policyReadBack": "canonical",
    "policyMovesUpdateTime": True, "deletedPolicy": "empty", "deletingGets": 1, "locationSlash": "removed",
    "accessLogAppendsStoreId": True,
}
# Lags are asked one at a time, as they would hide each other.
LAGS = [name for name in OTHERWISE if name.endswith("LagMs")]


def run(simulator, *options, answer="yes\n"):
    command = [sys.executable, PROGRAM, "--simulator", simulator, "--region", "us-east-1", *options]
    return subprocess.run(command, input=answer, capture_output=True, text=True, timeout=240)


def asked(simulator, *options):
    done = run(simulator, "--json", "--bucket", "s3://bucket/prefix/", *options)
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    return {row["question"]: row for row in report["answers"]}


def stores(control):
    return control.call("GET", "stores")


def test_the_simulator_by_default_matches_itself(simulator, control, tmp_path):
    record = tmp_path / "answers.json"
    answers = asked(simulator, "--record", str(record))
    assert [row for row in answers.values() if row["verdict"] == "differs"] == []
    matches = [name for name, row in answers.items() if row["verdict"] == "matches"]
    assert set(OTHERWISE) - {"updatingGets", "s3AccessWhileCreating"} <= set(matches)
    assert answers["two stores may have one name"]["aws"] is True
    assert stores(control) == []
    recorded = json.loads(record.read_text())
    assert {entry["operation"] for entry in recorded} >= {"CreateSequenceStore", "GetS3AccessPolicy", "TagResource"}
    ids = {store["id"] for store in control.call("GET", "stores?deleted=true")}
    assert ids and not [secret for secret in {"123456789012", *ids} if secret in record.read_text()]


def test_every_other_position_of_a_knob_is_found_out(simulator, control):
    # A deleted policy that reads back empty and one that is written otherwise are told apart.
    changes = {name: value for name, value in OTHERWISE.items() if name not in LAGS}
    control.knobs(**changes)
    answers = asked(simulator)
    differ = {name for name, row in answers.items() if row["verdict"] == "differs"}
    assert differ == set(changes) - {"updatingGets"}, answers
    # With this switch AWS goes on to delete.
    assert {store["status"] for store in stores(control)} <= {"DELETING"}


def test_the_operator_passes_every_scenario(simulator, control):
    answers = asked(simulator, "--operator")
    scenarios = [question for question in answers if question.endswith(".")]
    assert len(scenarios) == 3 and all(answers[question]["aws"] is True for question in scenarios)
    assert stores(control) == []


@pytest.mark.parametrize("lag", LAGS)
def test_a_lag_is_found_out(simulator, control, lag):
    control.knobs(**{lag: 1200})
    answers = asked(simulator)
    assert [name for name, row in answers.items() if row["verdict"] == "differs"] == [lag]


def test_nothing_is_done_without_a_yes(simulator, control):
    done = run(simulator, answer="no\n")
    assert done.returncode == 1 and "0.00 USD" in done.stderr and "123456789012" in done.stderr
    assert [entry["operation"] for entry in control.ledger()] == ["sts:GetCallerIdentity"]


def test_a_failed_question_leaves_nothing_behind(simulator, control):
    control.fault("GetS3AccessPolicy", {"type": "error", "code": "InternalServerException", "status": 500, "message": "no"})
    control.fault("PutS3AccessPolicy", {"type": "error", "code": "InternalServerException", "status": 500, "message": "no"})
    done = run(simulator)
    assert done.returncode == 1 and "failed   policies" in done.stdout, done.stdout
    assert stores(control) == []


def test_clean_up_deletes_only_stores_with_the_name_and_the_tag_of_a_run(simulator, control):
    tag = "seqstore-conformance-run"
    left = control.seed(name="seqstore-conformance-0123abcd-tags", tags={tag: "0123abcd"})
    kept = [
        control.seed(name="seqstore-conformance-0123abcd-tags"),
        control.seed(name="seqstore-conformance-0123abcd-tags", tags={tag: "ffffffff"}),
        control.seed(name="genomes", tags={tag: "0123abcd"}),
    ]
    assert run(simulator, "--clean-up", answer="no\n").returncode == 1
    assert len(stores(control)) == 4
    assert run(simulator, "--clean-up").returncode == 0
    assert {store["id"] for store in stores(control)} == {store["id"] for store in kept}
    assert left["id"] not in {store["id"] for store in stores(control)}
