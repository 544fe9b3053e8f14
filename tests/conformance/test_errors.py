"""Every error of the matrix for every operation: scripted, and by its real cause where there is one."""

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


def with_error(operation, code):
    return [name for name in operation if code in errors_of(name)]


def refused(client, operation, parameters, code):
    with pytest.raises(ClientError) as failure:
        call(client, operation, parameters)
    assert failure.value.response["Error"]["Code"] == code
    if code in errors_of(operation):
        assert isinstance(failure.value, client.exceptions.from_code(code))
    return failure.value.response


@pytest.mark.parametrize("side", ["beforeCommit", "afterCommit"])
@pytest.mark.parametrize("operation,code", MATRIX)
def test_scripted(omics, control, store, operation, code, side):
    control.fault(operation, {"type": "error", "code": code, "message": "as told"}, side=side)
    answer = refused(omics, operation, valid_input(operation, store), code)
    assert answer["Error"]["Message"] == "as told"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == errors_of(operation)[code]
    mutates = not operation.startswith(("Get", "List")) and operation != "BatchDeleteReadSet"
    assert control.ledger()[-1]["committed"] == (mutates and side == "afterCommit")


@pytest.mark.parametrize("operation", with_error(OPERATIONS, "ResourceNotFoundException"))
def test_not_found(omics, operation):
    refused(omics, operation, valid_input(operation, ABSENT), "ResourceNotFoundException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_access_denied(omics, control, store, operation):
    control.call("PUT", f"permissions/{ACCOUNT}", ["omics:StartRun"])
    answer = refused(omics, operation, valid_input(operation, store), "AccessDeniedException")
    message = answer["Error"]["Message"]
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/")
    assert f"is not authorized to perform: omics:{operation} on resource: " in message
    control.call("PUT", f"permissions/{ACCOUNT}", [f"omics:{operation}"])
    call(omics, operation, valid_input(operation, store))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_throttling(omics, control, store, operation):
    control.knobs(tps={operation: 1e-9})
    call(omics, operation, valid_input(operation, store))
    refused(omics, operation, valid_input(operation, store), "ThrottlingException")


@pytest.mark.parametrize("operation", ["UpdateSequenceStore", "DeleteSequenceStore"])
@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING"])
def test_conflict_while_busy(omics, control, operation, status):
    store = control.seed(status=status)
    refused(omics, operation, valid_input(operation, store), "ConflictException")


def test_conflict_with_read_sets(omics, control, store):
    control.call("POST", f"stores/{store['id']}/read-sets", {"count": 1, "status": "ARCHIVED"})
    refused(omics, "DeleteSequenceStore", {"id": store["id"]}, "ConflictException")
    control.call("PUT", f"stores/{store['id']}/read-sets", {"status": "DELETED"})
    omics.delete_sequence_store(id=store["id"])


def test_store_quota(omics, control, store):
    control.knobs(maxStores=1)
    refused(omics, "CreateSequenceStore", {"name": "a"}, "ServiceQuotaExceededException")


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if "S3AccessPolicy" in name])
def test_not_supported(omics, control, store, operation):
    control.knobs(referenceStoreAccessPoints=[store["s3Access"]["s3AccessPointArn"]])
    refused(omics, operation, valid_input(operation, store), "NotSupportedOperationException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_front_door(connect, control, store, operation):
    parameters = valid_input(operation, store)
    control.knobs(requireKnownKeys=True)
    refused(connect(key="AKIAUNKNOWN"), operation, parameters, "UnrecognizedClientException")
    control.call("PUT", "keys/AKIAOLD", {"account": ACCOUNT})
    control.call("POST", "keys/AKIAOLD/expire")
    refused(connect(key="AKIAOLD"), operation, parameters, "ExpiredTokenException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unsigned(connect, store, operation):
    from botocore import UNSIGNED

    client = connect(signature_version=UNSIGNED)
    refused(client, operation, valid_input(operation, store), "MissingAuthenticationTokenException")
