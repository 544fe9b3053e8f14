"""The questions. Each creates what it needs, asks, and returns what the simulator's knobs would be.

A question gets an `Account` and returns a dictionary from the name of a knob, or of a fact without a knob, to what was found.
"""

import json
import time

from botocore.exceptions import ClientError

from policy import policy_document

# What needs data or keys, and therefore stays open.
OPEN = ["nonEmptyDelete", "listDeletedReadSets", "resolveKeyAliases", "showKeyAliases", "tokenWindowMs", "defaultPageSize"]


def error_of(call, *arguments, **parameters):
    """The code of the error that a call fails with, or None."""
    try:
        call(*arguments, **parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def first_status(account):
    """Which status does a new store have, and what do its first answers hold?"""
    created = account.create("first")
    raw = account.raw("CreateSequenceStore")
    shown = account.get(created["id"])
    optional = account.raw("GetSequenceStore")
    is_creating = created.get("status") == "CREATING"
    found = {
        "creatingGets": 1 if is_creating or shown.get("status") == "CREATING" else 0,
        "nullMode": "null" if None in optional.values() else "absent",
        "awsOwnedKey": "structure" if (raw.get("sseConfig") or optional.get("sseConfig")) else "absent",
        "a new store has eTagAlgorithmFamily": shown.get("eTagAlgorithmFamily"),
    }
    if is_creating:
        found["s3AccessWhileCreating"] = bool(raw.get("s3Access"))
    account.until_active(created["id"])
    return found


def names(account):
    """Are names unique, and does the filter compare them whole?"""
    first = account.create("name-whole")
    second = account.create("name-whole")
    part = account.name("name-who")

    def listed(name):
        pages = account.omics.get_paginator("list_sequence_stores").paginate(filter={"name": name})
        return {store["id"] for page in pages for store in page["sequenceStores"]}

    lag = account.time_until(lambda: {first["id"], second["id"]} <= listed(account.name("name-whole")))
    return {
        "two stores may have one name": first["id"] != second["id"],
        "nameFilter": "substring" if first["id"] in listed(part) else "exact",
        "listLagMs": lag,
    }


def tokens(account):
    """What does a client token do when it is used again?"""
    token = f"{account.run}-token"
    first = account.create("token", clientToken=token)
    again = account.create("token", clientToken=token)
    found = {"a repeated token gives the same store": first["id"] == again["id"]}
    try:
        other = account.create("token", clientToken=token, description="other")
        found["tokenMismatch"] = "replay" if other["id"] == first["id"] else "newResource"
    except ClientError as error:
        code = error.response["Error"]["Code"]
        found["tokenMismatch"] = "validation" if code == "ValidationException" else code
    account.until_active(first["id"])
    account.delete(first["id"])
    account.until_gone(first["id"])
    try:
        late = account.create("token", clientToken=token)
        found["tokenSurvivesDelete"] = late["id"] == first["id"]
    except ClientError as error:
        found["tokenSurvivesDelete"] = error.response["Error"]["Code"]
    return found


def updates(account):
    """How do changed and cleared members read back?"""
    store = account.create("update", propagatedSetLevelTags=["sample"], description="before")
    account.until_active(store["id"])
    updated = account.omics.update_sequence_store(id=store["id"], description="after")
    status = updated.get("status")
    lag = account.time_until(
        lambda: account.omics.get_sequence_store(id=store["id"]).get("description") == "after"
    )
    account.until_active(store["id"])
    account.omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=[])
    account.until_active(store["id"])
    account.until(lambda: not account.get(store["id"]).get("propagatedSetLevelTags"), "the cleared keys are still shown")
    raw = account.raw("GetSequenceStore")
    cleared = "unset"
    if "propagatedSetLevelTags" in raw:
        cleared = "null" if raw["propagatedSetLevelTags"] is None else "empty"
    six = [f"key{number}" for number in range(6)]
    too_many = error_of(account.omics.update_sequence_store, id=store["id"], propagatedSetLevelTags=six)
    account.until_active(store["id"])
    return {
        "updatingWhen": "always" if status == "UPDATING" else "tagKeysWithReadSets",
        "getLagMs": lag,
        "clearedValues": cleared,
        "maxPropagatedKeys": 5 if too_many else "more than 5",
        "six propagated keys are": too_many or "accepted",
    }


def tags(account):
    """What do tags change, how many are allowed, and what of an ARN elsewhere?"""
    store = account.create("tags")
    account.until_active(store["id"])
    before = account.omics.get_sequence_store(id=store["id"]).get("updateTime")
    time.sleep(account.second)
    account.omics.tag_resource(resourceArn=store["arn"], tags={"asked": "yes"})
    shown = lambda: account.omics.list_tags_for_resource(resourceArn=store["arn"])["tags"].get("asked") == "yes"
    lag = account.time_until(shown)
    after = account.omics.get_sequence_store(id=store["id"]).get("updateTime")
    some = {f"key{number}": "" for number in range(40)}
    account.omics.tag_resource(resourceArn=store["arn"], tags=some)
    more = {f"more{number}": "" for number in range(20)}
    limit = error_of(account.omics.tag_resource, resourceArn=store["arn"], tags=more)
    parts = store["arn"].split(":")
    parts[3] = "us-west-2" if parts[3] != "us-west-2" else "us-east-1"
    foreign = error_of(account.omics.list_tags_for_resource, resourceArn=":".join(parts))
    codes = {
        "ValidationException": "validation", "AccessDeniedException": "accessDenied",
        "ResourceNotFoundException": "notFound",
    }
    return {
        "tagsMoveUpdateTime": before != after,
        "tagsLagMs": lag,
        "tagLimitIsQuota": limit == "ServiceQuotaExceededException",
        "more than 50 tags are": limit or "accepted",
        "foreignArn": codes.get(foreign, foreign),
    }


def policies(account):
    """How does an S3 access policy read back, and what is left when it is deleted?"""
    store = account.create("policy")
    account.until_active(store["id"])
    store = account.omics.get_sequence_store(id=store["id"])
    point = store["s3Access"]["s3AccessPointArn"]
    first = error_of(account.omics.get_s3_access_policy, s3AccessPointArn=point)
    written = policy_document(store)
    before = store.get("updateTime")
    time.sleep(account.second)
    account.omics.put_s3_access_policy(s3AccessPointArn=point, s3AccessPolicy=written)
    read = lambda: account.omics.get_s3_access_policy(s3AccessPointArn=point)["s3AccessPolicy"]
    lag = account.time_until(lambda: "ExistingObjectTag" in read() or "existingobjecttag" in read().lower())
    back = read()
    after = account.omics.get_sequence_store(id=store["id"]).get("updateTime")
    account.omics.delete_s3_access_policy(s3AccessPointArn=point)
    gone = gone_policy(account, read)
    return {
        "a new store has a policy": first is None,
        "policyLagMs": lag,
        "policyReadBack": "asWritten" if back == written else "differently",
        "the policy has the same members": sorted(json.loads(back)) == sorted(json.loads(written)),
        "policyMovesUpdateTime": before != after,
        "deletedPolicy": gone,
    }


def gone_policy(account, read):
    """What AWS shows of a policy once it no longer shows the one that was deleted."""
    answers = []

    def is_gone():
        try:
            answers.append(read())
        except ClientError as error:
            code = error.response["Error"]["Code"]
            answers.append("notFound" if code == "ResourceNotFoundException" else code)
        return "Statement" not in answers[-1]

    account.until(is_gone, "the deleted policy is still shown")
    return answers[-1] if answers[-1].isalpha() else "empty"


def deletion(account):
    """What does a deleted store look like?"""
    store = account.create("gone")
    account.until_active(store["id"])
    account.delete(store["id"])
    try:
        status = account.omics.get_sequence_store(id=store["id"]).get("status")
    except ClientError as error:
        status = error.response["Error"]["Code"]
    account.until_gone(store["id"])
    return {
        "deletingGets": 1 if status == "DELETING" else 0,
        "after Delete a store is": status,
        "Delete of a deleted store is": error_of(account.omics.delete_sequence_store, id=store["id"]) or "accepted",
    }


def locations(account):
    """How do locations read back?"""
    bucket = account.bucket.rstrip("/")
    store = account.create(
        "location", fallbackLocation=f"{bucket}/fallback/", s3AccessConfig={"accessLogLocation": f"{bucket}/log/"}
    )
    account.until_active(store["id"])
    shown = account.omics.get_sequence_store(id=store["id"])
    fallback = shown.get("fallbackLocation") or ""
    log = shown["s3Access"].get("accessLogLocation") or ""
    return {
        "locationSlash": "asWritten" if fallback.endswith("/") else "removed",
        "accessLogAppendsStoreId": store["id"] in log,
    }


QUESTIONS = [first_status, names, tokens, updates, tags, policies, deletion]
# Stores that exist at the same time, at most; those of a question are deleted when it has its answers.
STORES_AT_A_TIME = 3
STORES = 10
