"""Prove that the AWS CLI works with the simulator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from policy import policy_document

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(simulator, control, tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
    }

    def aws(*arguments, endpoint=simulator, host_prefix=False):
        extra = {} if host_prefix else {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
        command = [sys.executable, str(AWS), *arguments, "--endpoint-url", endpoint, "--output", "json"]
        done = subprocess.run(command, env={**environment, **extra}, capture_output=True, text=True, timeout=60)
        if done.returncode:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return aws


def test_stores_can_be_created_changed_tagged_and_deleted(aws, control):
    created = aws("omics", "create-sequence-store", "--name", "cli", "--tags", "team=genomics")
    identifier, arn = created["id"], created["arn"]
    assert aws("omics", "get-sequence-store", "--id", identifier)["name"] == "cli"
    updated = aws("omics", "update-sequence-store", "--id", identifier, "--name", "new", "--fallback-location", "")
    assert updated["name"] == "new"
    listed = aws("omics", "list-sequence-stores", "--filter", "name=new")
    assert [item["id"] for item in listed["sequenceStores"]] == [identifier]
    assert aws("omics", "tag-resource", "--resource-arn", arn, "--tags", "a=b") is None
    assert aws("omics", "untag-resource", "--resource-arn", arn, "--tag-keys", "team") is None
    assert aws("omics", "list-tags-for-resource", "--resource-arn", arn)["tags"] == {"a": "b"}
    assert aws("omics", "delete-sequence-store", "--id", identifier) is None
    assert "ResourceNotFoundException" in aws("omics", "get-sequence-store", "--id", identifier)


def test_policies_and_read_sets_can_be_changed_and_deleted(aws, control, store):
    access_point = store["s3Access"]["s3AccessPointArn"]
    named = ("--s3-access-point-arn", access_point)
    document = policy_document(store)
    aws("omics", "put-s3-access-policy", *named, "--s3-access-policy", document)
    assert json.loads(aws("omics", "get-s3-access-policy", *named)["s3AccessPolicy"]) == json.loads(document)
    aws("omics", "delete-s3-access-policy", *named)
    assert "ResourceNotFoundException" in aws("omics", "get-s3-access-policy", *named)
    control.call("POST", f"stores/{store['id']}/read-sets", {"count": 2, "status": "ACTIVE"})
    listed = aws("omics", "list-read-sets", "--sequence-store-id", store["id"], "--page-size", "1")
    ids = [item["id"] for item in listed["readSets"]]
    assert len(ids) == 2
    assert "ConflictException" in aws("omics", "delete-sequence-store", "--id", store["id"])
    aws("omics", "batch-delete-read-set", "--sequence-store-id", store["id"], "--ids", *ids)
    assert aws("omics", "delete-sequence-store", "--id", store["id"]) is None


def test_an_endpoint_with_userinfo_works_with_the_host_prefix(aws, simulator, control, store):
    endpoint = simulator.replace("http://", "http://sim@")
    listed = aws("omics", "list-sequence-stores", endpoint=endpoint, host_prefix=True)
    assert [item["id"] for item in listed["sequenceStores"]] == [store["id"]]


def test_sts_returns_the_caller_and_assumes_roles(aws):
    assert aws("sts", "get-caller-identity")["Account"] == "123456789012"
    role = ("--role-arn", "arn:aws:iam::222222222222:role/r", "--role-session-name", "cli")
    assumed = aws("sts", "assume-role", *role, "--tags", "Key=namespace,Value=team-a")
    assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::222222222222:assumed-role/r/cli"
