"""Prove that the checks of the responses fail for a simulator that deviates from the service model."""

import pytest

from conftest import call, valid_input

WRONG = [
    ("GetSequenceStore", "status", "Active"),
    ("GetSequenceStore", "status", 1),
    ("GetSequenceStore", "id", None),
    ("GetSequenceStore", "id", "12345"),
    ("GetSequenceStore", "arn", "not an arn"),
    ("GetSequenceStore", "creationTime", 1767225600),
    ("GetSequenceStore", "creationTime", "2026-01-01T00:00:00Z"),
    ("GetSequenceStore", "name", "n" * 128),
    ("GetSequenceStore", "name", "tab\there"),
    ("GetSequenceStore", "fallbackLocation", "s3://bucket/no-slash"),
    ("GetSequenceStore", "updatedTime", "2026-01-01T00:00:00.000Z"),
    ("GetSequenceStore", "propagatedSetLevelTags", [""]),
    ("GetSequenceStore", "s3Access", {"s3Uri": "s3://x"}),
    ("CreateSequenceStore", "updateTime", "2026-01-01T00:00:00.000Z"),
    ("ListSequenceStores", "sequenceStores", None),
    ("ListSequenceStores", "s3Access", {}),
    ("ListTagsForResource", "tags", {"": "v"}),
    ("ListReadSets", "readSets", [{"id": "1234567890"}]),
    ("GetS3AccessPolicy", "s3AccessPolicy", {"Version": "2012-10-17"}),
]


@pytest.mark.parametrize("operation,member,value", WRONG)
def test_a_wrong_member_fails_the_check(omics, control, store, operation, member, value):
    control.fault(operation, {"type": "replace", "member": member, "value": value})
    with pytest.raises((AssertionError, ValueError, TypeError, KeyError)):
        call(omics, operation, valid_input(operation, store))


@pytest.mark.parametrize("code,status", [("ConflictException", 409), ("ThrottlingException", 400), ("Other", 500)])
def test_a_wrong_error_fails_the_check(omics, control, store, code, status):
    control.fault("GetSequenceStore", {"type": "error", "code": code, "status": status})
    with pytest.raises(AssertionError, match="is not modelled"):
        omics.get_sequence_store(id=store["id"])


def test_a_wrong_status_fails_the_check(omics, control, store):
    control.fault("TagResource", {"type": "raw", "status": 200, "body": "{}"})
    with pytest.raises(AssertionError):
        omics.tag_resource(resourceArn=store["arn"], tags={"k": "v"})
