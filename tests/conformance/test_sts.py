"""Prove that STS works with boto3: caller identity, temporary credentials and errors."""

import datetime

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::222222222222:role/operators/sequence-stores"


@pytest.fixture
def sts(connect, control):
    return connect("sts")


def error_code(call, **parameters):
    with pytest.raises(ClientError) as failure:
        call(**parameters)
    return failure.value.response["Error"]["Code"]


def test_the_identity_follows_the_account_of_the_key(sts, control):
    assert sts.get_caller_identity()["Account"] == "123456789012"
    control.call("PUT", "keys/AKIATEST", {"account": "333333333333"})
    identity = sts.get_caller_identity()
    assert identity["Account"] == "333333333333" and identity["Arn"].startswith("arn:aws:sts::333333333333:")
    control.call("PUT", "permissions/333333333333", [])
    sts.get_caller_identity()


@pytest.mark.parametrize("web_identity", [False, True])
def test_temporary_credentials_belong_to_the_account_of_the_role(sts, connect, control, web_identity):
    parameters = {"RoleArn": ROLE, "RoleSessionName": "team-a", "DurationSeconds": 900}
    if web_identity:
        response = sts.assume_role_with_web_identity(WebIdentityToken="a.secret.token", **parameters)
    else:
        response = sts.assume_role(
            ExternalId="handshake", Tags=[{"Key": "namespace", "Value": "team-a"}], **parameters
        )
        recorded = control.ledger()[-1]["parameters"]
        assert recorded["Tags"] == {"namespace": "team-a"} and recorded["ExternalId"] == "handshake"
    assert "a.secret.token" not in str(control.ledger())
    assert response["AssumedRoleUser"]["Arn"] == "arn:aws:sts::222222222222:assumed-role/sequence-stores/team-a"
    keys = response["Credentials"]
    left = keys["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15)
    as_role = connect(key=keys["AccessKeyId"], token=keys["SessionToken"])
    assert ":222222222222:" in as_role.create_sequence_store(name="a")["arn"]
    identity = connect("sts", key=keys["AccessKeyId"], token=keys["SessionToken"]).get_caller_identity()
    assert identity["Arn"] == response["AssumedRoleUser"]["Arn"]
    control.call("POST", f"keys/{keys['AccessKeyId']}/expire")
    assert error_code(as_role.list_sequence_stores) == "ExpiredTokenException"
    forged = connect(key=keys["AccessKeyId"], token="forged")
    assert error_code(forged.list_sequence_stores) == "UnrecognizedClientException"


def test_denied_invalid_and_unknown_requests_fail(sts, control):
    parameters = {"RoleArn": ROLE, "RoleSessionName": "team-a"}
    control.knobs(requiredExternalIds={ROLE: "right"})
    assert error_code(sts.assume_role, **parameters) == "AccessDenied"
    assert error_code(sts.assume_role, ExternalId="wrong", **parameters) == "AccessDenied"
    sts.assume_role(ExternalId="right", **parameters)
    control.knobs(deniedRoles=[ROLE])
    assert error_code(sts.assume_role, ExternalId="right", **parameters) == "AccessDenied"
    assert error_code(sts.assume_role, RoleArn="not a role arn at all", RoleSessionName="s1") == "ValidationError"
    assert error_code(sts.assume_role, RoleArn=ROLE, RoleSessionName="a b") == "ValidationError"
    assert error_code(sts.assume_role, DurationSeconds=900_000, **parameters) == "ValidationError"
    control.call("POST", "keys/AKIATEST/expire")
    assert error_code(sts.get_caller_identity) == "ExpiredToken"
    control.fault("sts:*", {"type": "error", "code": "InternalFailure"})
    assert error_code(sts.get_caller_identity) == "InternalFailure"
    assert error_code(sts.get_session_token) == "InvalidAction"
