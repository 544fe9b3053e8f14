"""Prove that STS works with boto3: caller identity, temporary credentials and errors."""

import datetime
import urllib.parse

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::222222222222:role/operators/sequence-stores"
ROLE_CALL = "roles/" + urllib.parse.quote(ROLE, safe="")


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
    control.call("PUT", ROLE_CALL, {"externalId": "right"})
    assert error_code(sts.assume_role, **parameters) == "AccessDenied"
    assert error_code(sts.assume_role, ExternalId="wrong", **parameters) == "AccessDenied"
    sts.assume_role(ExternalId="right", **parameters)
    control.call("PUT", ROLE_CALL, {"denied": True})
    assert error_code(sts.assume_role, ExternalId="right", **parameters) == "AccessDenied"
    assert error_code(sts.assume_role, RoleArn="not a role arn at all", RoleSessionName="s1") == "ValidationError"
    assert error_code(sts.assume_role, RoleArn=ROLE, RoleSessionName="a b") == "ValidationError"
    assert error_code(sts.assume_role, DurationSeconds=900_000, **parameters) == "ValidationError"
    control.call("POST", "keys/AKIATEST/expire")
    assert error_code(sts.get_caller_identity) == "ExpiredToken"
    control.fault("sts:*", {"type": "error", "code": "InternalFailure"})
    assert error_code(sts.get_caller_identity) == "InternalFailure"
    assert error_code(sts.get_session_token) == "InvalidAction"


def test_sessions_have_tags_and_end_when_the_role_says_so(sts, connect, control):
    """Session tags and their inheritance, the longest session, and the end of sessions before their time."""
    tags = [{"Key": "namespace", "Value": "team-a"}, {"Key": "uid", "Value": "7"}]
    parameters = {"RoleArn": ROLE, "RoleSessionName": "team-a"}
    response = sts.assume_role(Tags=tags, TransitiveTagKeys=["namespace"], **parameters)
    keys = response["Credentials"]
    as_role = connect(key=keys["AccessKeyId"], token=keys["SessionToken"])
    as_role.list_sequence_stores()
    last = control.ledger()[-1]
    assert (last["roleArn"], last["sessionName"]) == (ROLE, "team-a")
    assert last["sessionTags"] == {"namespace": "team-a", "uid": "7"}
    chained = connect("sts", key=keys["AccessKeyId"], token=keys["SessionToken"])
    assert error_code(chained.assume_role, DurationSeconds=3601, **parameters) == "ValidationError"
    assert error_code(chained.assume_role, Tags=tags[:1], **parameters) == "InvalidParameterValue"
    chained.assume_role(**parameters)
    assert error_code(sts.assume_role, Tags=tags, TransitiveTagKeys=["x"], **parameters) == "InvalidParameterValue"
    control.call("PUT", ROLE_CALL, {"maxSessionSeconds": 3600})
    assert error_code(sts.assume_role, DurationSeconds=3601, **parameters) == "ValidationError"
    control.call("POST", f"{ROLE_CALL}/revoke")
    assert error_code(as_role.list_sequence_stores) == "AccessDeniedException"
    control.call("POST", f"{ROLE_CALL}/expire")
    assert error_code(as_role.list_sequence_stores) == "ExpiredTokenException"


def test_credentials_can_be_issued_without_sts(connect, control):
    """As the Pod Identity agent and instance metadata hand them out."""
    keys = control.call("POST", f"{ROLE_CALL}/sessions", {"sessionName": "pod"})
    client = connect(key=keys["accessKeyId"], token=keys["sessionToken"])
    assert ":222222222222:" in client.create_sequence_store(name="a")["arn"]
    identity = connect("sts", key=keys["accessKeyId"], token=keys["sessionToken"]).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::222222222222:assumed-role/sequence-stores/pod"
    over = control.call("POST", f"{ROLE_CALL}/sessions", {"sessionName": "pod", "lifetimeMs": 0})
    client = connect(key=over["accessKeyId"], token=over["sessionToken"])
    assert error_code(client.list_sequence_stores) == "ExpiredTokenException"


@pytest.mark.parametrize("ahead", [400_000, -400_000])
def test_a_clock_that_is_wrong_is_noticed(sts, omics, control, ahead):
    control.knobs(clockAheadMs=ahead)
    assert error_code(omics.list_sequence_stores) == "InvalidSignatureException"
    assert error_code(sts.get_caller_identity) == "SignatureDoesNotMatch"
    control.knobs(clockAheadMs=0)
    omics.list_sequence_stores()
