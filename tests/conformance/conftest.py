"""Starts the simulator and provides boto3 clients that check every HealthOmics response against the service model."""

import functools
import json
import os
import subprocess
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.config import Config

from model import check_response
from policy import policy_document

ACCOUNT = "123456789012"
REGION = "us-east-1"


class Control:
    """A client for the control API of the simulator."""

    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def knobs(self, **changes):
        self.call("PUT", "knobs", {**self.call("GET", "knobs"), **changes})

    def fault(self, operation, action, **filters):
        self.call("POST", "faults", {"operation": operation, "times": 1, "action": action, **filters})

    def seed(self, **members):
        return self.call("POST", "stores", members)

    def ledger(self):
        return self.call("GET", "ledger")


@pytest.fixture(scope="session")
def simulator():
    program = os.environ["HEALTHOMICS_SIMULATOR"]
    process = subprocess.Popen([program, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:"), url
    yield url
    process.terminate()
    assert process.wait(timeout=10) == 0


@pytest.fixture
def control(simulator):
    control = Control(simulator)
    control.call("POST", "reset")
    return control


@pytest.fixture(scope="session")
def connect(simulator):
    """Creates clients. Those for HealthOmics check every response against the service model."""

    # Loading the service model takes longer than most tests, so the tests share clients with the same settings.
    @functools.cache
    def connect(service="omics", key="AKIATEST", token=None, region=REGION, **config):
        settings = {"inject_host_prefix": False, "retries": {"total_max_attempts": 1}, **config}
        client = boto3.Session(key, "secret", token, region_name=region).client(
            service, endpoint_url=simulator, config=Config(**settings)
        )
        if service == "omics":
            client.meta.events.register("after-call.omics", check_response)
        return client

    return connect


@pytest.fixture
def omics(connect, control):
    return connect()


@pytest.fixture
def unvalidated(connect, control):
    """A client that does not validate parameters before sending them."""
    return connect(parameter_validation=False)


@pytest.fixture
def store(control):
    return control.seed(name="reads", description="seeded", tags={"team": "genomics"})


def valid_input(operation, store):
    """Returns an input of the operation that the simulator accepts for this store."""
    identifier = {"id": store["id"]}
    arn = {"resourceArn": store["arn"]}
    access_point = {"s3AccessPointArn": store["s3Access"]["s3AccessPointArn"]}
    read_sets = {"sequenceStoreId": store["id"]}
    return {
        "CreateSequenceStore": {"name": "new"},
        "GetSequenceStore": identifier,
        "UpdateSequenceStore": {**identifier, "name": "renamed"},
        "DeleteSequenceStore": identifier,
        "ListSequenceStores": {},
        "TagResource": {**arn, "tags": {"k": "v"}},
        "UntagResource": {**arn, "tagKeys": ["team"]},
        "ListTagsForResource": arn,
        "PutS3AccessPolicy": {**access_point, "s3AccessPolicy": policy_document(store)},
        "GetS3AccessPolicy": access_point,
        "DeleteS3AccessPolicy": access_point,
        "ListReadSets": read_sets,
        "BatchDeleteReadSet": {**read_sets, "ids": ["0123456789"]},
    }[operation]


def call(client, operation, parameters):
    methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    return getattr(client, methods[operation])(**parameters)
