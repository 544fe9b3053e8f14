"""Prove that every operation works with boto3. The clients check each raw response against the service model."""

import pytest

from conftest import ACCOUNT, REGION, call, valid_input
from model import OPERATIONS
from policy import policy_document

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0c1d9a1e-0000-4000-8000-000000000000"
ALL_MEMBERS = {
    "name": "n" * 127,
    "description": "d" * 255,
    "sseConfig": {"type": "KMS", "keyArn": KEY},
    "tags": {"k": "v", "empty": ""},
    "clientToken": "t" * 127,
    "fallbackLocation": "s3://fallback/prefix/",
    "eTagAlgorithmFamily": "SHA512up",
    "propagatedSetLevelTags": ["a", "b", "c", "d", "e"],
    "s3AccessConfig": {"accessLogLocation": "s3://logs/prefix/"},
}


@pytest.mark.parametrize("null_mode", ["absent", "null", "mixed"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_succeeds_in_every_null_mode(omics, control, store, operation, null_mode):
    control.knobs(nullMode=null_mode)
    for _ in range(2 if operation.startswith(("Get", "List")) else 1):
        call(omics, operation, valid_input(operation, store))
    entry = control.ledger()[-1]
    assert entry["operation"] == operation and entry["error"] is None


def test_a_store_can_be_created_updated_and_deleted(omics, control):
    created = omics.create_sequence_store(**ALL_MEMBERS)
    identifier = created["id"]
    assert created["arn"] == f"arn:aws:omics:{REGION}:{ACCOUNT}:sequenceStore/{identifier}"
    assert "updateTime" not in created
    got = omics.get_sequence_store(id=identifier)
    for member in ("name", "description", "sseConfig", "fallbackLocation", "eTagAlgorithmFamily"):
        assert got[member] == ALL_MEMBERS[member]
    assert sorted(got["propagatedSetLevelTags"]) == ALL_MEMBERS["propagatedSetLevelTags"]
    assert got["s3Access"]["accessLogLocation"] == "s3://logs/prefix/"
    assert len(got["s3Access"]["s3Uri"].split("/")[2]) == 63
    listed = omics.list_sequence_stores(filter={"name": ALL_MEMBERS["name"]})["sequenceStores"]
    assert [item["id"] for item in listed] == [identifier]
    assert not listed[0].keys() & {"propagatedSetLevelTags", "s3Access"}
    cleared = omics.update_sequence_store(
        id=identifier, fallbackLocation="", propagatedSetLevelTags=[], s3AccessConfig={"accessLogLocation": ""}
    )
    assert not cleared.keys() & {"fallbackLocation", "propagatedSetLevelTags"}
    assert cleared["description"] == ALL_MEMBERS["description"]
    assert omics.list_tags_for_resource(resourceArn=created["arn"])["tags"] == ALL_MEMBERS["tags"]
    omics.untag_resource(resourceArn=created["arn"], tagKeys=["k", "empty"])
    assert omics.list_tags_for_resource(resourceArn=created["arn"])["tags"] == {}
    omics.delete_sequence_store(id=identifier)
    with pytest.raises(omics.exceptions.ResourceNotFoundException):
        omics.get_sequence_store(id=identifier)


def test_a_store_with_only_a_name_gets_the_defaults(omics):
    created = omics.create_sequence_store(name="plain")
    assert created["eTagAlgorithmFamily"] == "MD5up" and created["status"] == "ACTIVE"
    access_point = created["s3Access"]["s3AccessPointArn"]
    assert access_point.split(":")[4] != ACCOUNT
    assert access_point.endswith(f":accesspoint/{ACCOUNT}-{created['id']}")
    policy = omics.get_s3_access_policy(s3AccessPointArn=access_point)
    assert policy["storeId"] == created["id"] and "s3:ListBucket" in policy["s3AccessPolicy"]


def test_a_policy_reads_back_until_it_is_deleted(omics, store):
    access_point = store["s3Access"]["s3AccessPointArn"]
    document = policy_document(store)
    put = omics.put_s3_access_policy(s3AccessPointArn=access_point, s3AccessPolicy=document)
    assert put["storeType"] == "SEQUENCE_STORE"
    assert omics.get_s3_access_policy(s3AccessPointArn=access_point)["s3AccessPolicy"] == document
    omics.delete_s3_access_policy(s3AccessPointArn=access_point)
    with pytest.raises(omics.exceptions.ResourceNotFoundException):
        omics.get_s3_access_policy(s3AccessPointArn=access_point)


@pytest.mark.parametrize("state", ["creating", "updating", "deleting"])
def test_a_transition_ends_after_the_configured_gets(omics, control, store, state):
    control.knobs(**{f"{state}Gets": 1, "updatingWhen": "always"})
    identifier = store["id"]
    if state == "creating":
        identifier = omics.create_sequence_store(name="new")["id"]
    elif state == "updating":
        assert omics.update_sequence_store(id=identifier, name="x")["status"] == "UPDATING"
    else:
        omics.delete_sequence_store(id=identifier)
    assert omics.get_sequence_store(id=identifier)["status"] == state.upper()
    if state == "deleting":
        with pytest.raises(omics.exceptions.ResourceNotFoundException):
            omics.get_sequence_store(id=identifier)
    else:
        assert omics.get_sequence_store(id=identifier)["status"] == "ACTIVE"


def test_read_sets_can_be_listed_and_deleted(omics, control, store):
    control.call("POST", f"stores/{store['id']}/read-sets", {"count": 3, "status": "ACTIVE"})
    listed = omics.list_read_sets(sequenceStoreId=store["id"], filter={"status": "ACTIVE"})["readSets"]
    ids = [item["id"] for item in listed]
    response = omics.batch_delete_read_set(sequenceStoreId=store["id"], ids=[ids[0], "0123456789"])
    expected = {"id": "0123456789", "code": "", "message": "The specified readset does not exist."}
    assert response["errors"] == [expected]
    left = omics.list_read_sets(sequenceStoreId=store["id"], filter={"status": "ACTIVE"})["readSets"]
    assert [item["id"] for item in left] == ids[1:]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("empty_pages", [False, True])
def test_paginators_return_every_item_once(omics, control, store, size, empty_pages):
    control.knobs(emptyPages=empty_pages)
    stores = [store["id"]] + [control.seed(name=f"s{index}")["id"] for index in range(4)]
    control.call("POST", f"stores/{store['id']}/read-sets", {"count": 5, "status": "ACTIVE"})
    paging = {"PaginationConfig": {"PageSize": size}}
    listed = omics.get_paginator("list_sequence_stores").paginate(**paging).build_full_result()
    assert [item["id"] for item in listed["sequenceStores"]] == stores
    pages = omics.get_paginator("list_read_sets").paginate(sequenceStoreId=store["id"], **paging)
    assert len(pages.build_full_result()["readSets"]) == 5
