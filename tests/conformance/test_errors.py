"""Prove that every operation returns each error of its model: by a scripted fault and, if possible, by its real cause."""

import pytest
from botocore.exceptions import ClientError

from conftest import ACCOUNT, call, valid_input
from model import OPERATIONS, errors_of

MATRIX = [(operation, code) for operation in OPERATIONS for code in errors_of(operation)]
ABSENT = {
    "id": "0123456789",
    "arn": f"arn:aws:omics:us-east-1:{ACCOUNT}:sequenceStore/0123456789",
    "s3Access": {"s3AccessPointArn": f"arn:aws:s3:us-east-1:555555555555:accesspoint/{ACCOUNT}-0123456789"},
}


def operations_with_error(code):
    return [name for name in OPERATIONS if code in errors_of(name)]


def assert_error(client, operation, parameters, code):
    with pytest.raises(ClientError) as failure:
        call(client, operation, parameters)
    assert failure.value.response["Error"]["Code"] == code
    if code in errors_of(operation):
        assert isinstance(failure.value, client.exceptions.from_code(code))
    return failure.value.response


@pytest.mark.parametrize("side", ["beforeCommit", "afterCommit"])
@pytest.mark.parametrize("operation,code", MATRIX)
def test_a_fault_returns_each_error_of_the_model(omics, control, store, operation, code, side):
    control.fault(operation, {"type": "error", "code": code, "message": "scripted message"}, side=side)
    response = assert_error(omics, operation, valid_input(operation, store), code)
    assert response["Error"]["Message"] == "scripted message"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == errors_of(operation)[code]
    mutates = not operation.startswith(("Get", "List")) and operation != "BatchDeleteReadSet"
    assert control.ledger()[-1]["committed"] == (mutates and side == "afterCommit")


@pytest.mark.parametrize("operation", operations_with_error("ResourceNotFoundException"))
def test_a_store_that_does_not_exist_is_not_found(omics, operation):
    assert_error(omics, operation, valid_input(operation, ABSENT), "ResourceNotFoundException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_that_is_not_allowed_is_denied(omics, control, store, operation):
    control.call("PUT", f"permissions/{ACCOUNT}", ["omics:StartRun"])
    response = assert_error(omics, operation, valid_input(operation, store), "AccessDeniedException")
    message = response["Error"]["Message"]
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/")
    assert f"is not authorized to perform: omics:{operation} on resource: " in message
    control.call("PUT", f"permissions/{ACCOUNT}", [f"omics:{operation}"])
    call(omics, operation, valid_input(operation, store))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests_beyond_the_quota_are_throttled(omics, control, store, operation):
    control.knobs(tps={operation: 1e-9})
    call(omics, operation, valid_input(operation, store))
    assert_error(omics, operation, valid_input(operation, store), "ThrottlingException")


@pytest.mark.parametrize("operation", ["UpdateSequenceStore", "DeleteSequenceStore"])
@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING"])
def test_update_and_delete_conflict_during_a_transition(omics, control, operation, status):
    store = control.seed(status=status)
    assert_error(omics, operation, valid_input(operation, store), "ConflictException")


def test_delete_conflicts_while_the_store_has_read_sets(omics, control, store):
    control.call("POST", f"stores/{store['id']}/read-sets", {"count": 1, "status": "ARCHIVED"})
    assert_error(omics, "DeleteSequenceStore", {"id": store["id"]}, "ConflictException")
    control.call("PUT", f"stores/{store['id']}/read-sets", {"status": "DELETED"})
    omics.delete_sequence_store(id=store["id"])


def test_create_beyond_the_store_quota_fails(omics, control, store):
    control.knobs(maxStores=1)
    assert_error(omics, "CreateSequenceStore", {"name": "a"}, "ServiceQuotaExceededException")


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if "S3AccessPolicy" in name])
def test_policy_operations_are_not_supported_for_reference_stores(omics, control, store, operation):
    control.knobs(referenceStoreAccessPoints=[store["s3Access"]["s3AccessPointArn"]])
    assert_error(omics, operation, valid_input(operation, store), "NotSupportedOperationException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unknown_and_expired_keys_are_rejected(connect, control, store, operation):
    parameters = valid_input(operation, store)
    control.knobs(requireKnownKeys=True)
    assert_error(connect(key="AKIAUNKNOWN"), operation, parameters, "UnrecognizedClientException")
    control.call("PUT", "keys/AKIAOLD", {"account": ACCOUNT})
    control.call("POST", "keys/AKIAOLD/expire")
    assert_error(connect(key="AKIAOLD"), operation, parameters, "ExpiredTokenException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unsigned_requests_are_rejected(connect, store, operation):
    from botocore import UNSIGNED

    client = connect(signature_version=UNSIGNED)
    assert_error(client, operation, valid_input(operation, store), "MissingAuthenticationTokenException")
