"""Prove that the simulator rejects every input that violates the service model, with cases derived from the model.

The simulator must do so because botocore validates only types and minimum sizes. These tests turn that off too.
"""

import copy
import json

import pytest
from botocore.exceptions import ClientError

from conftest import call, valid_input
from model import OPERATIONS, SERVICE, matches


def invalid_values(shape):
    """Yields values that the shape forbids, each with the reason."""
    bounds = shape.metadata
    kind = shape.type_name
    if kind == "string":
        yield "wrong type", {"not": "a string"}
        if bounds.get("min", 0) > 0:
            yield "too short", valid_text(shape, bounds["min"] - 1)
        if "max" in bounds:
            yield "too long", valid_text(shape, bounds["max"] + 1)
        if shape.enum:
            yield "not in the enum", "NOT_A_VALUE"
        pattern = bounds.get("pattern")
        candidates = ["tab\there", "zero width\u200djoiner", "-- not this --", "s3://bucket/no-slash"]
        for candidate in candidates if pattern else []:
            if not matches(pattern, candidate):
                yield f"pattern: {candidate!r}", candidate.ljust(bounds.get("min", 0), "-")
    elif kind == "integer":
        yield "below the minimum", bounds["min"] - 1
        yield "above the maximum", bounds["max"] + 1
    elif kind == "timestamp":
        yield "not a timestamp", "yesterday"
    elif kind == "list":
        yield "wrong type", "not a list"
        if "max" in bounds:
            yield "too many", [valid_text(shape.member, 10, index) for index in range(bounds["max"] + 1)]
        if bounds.get("min", 0) > 0:
            yield "too few", []
        for reason, item in invalid_values(shape.member):
            yield f"item {reason}", [item]
    elif kind == "map":
        yield "wrong type", "not a map"
        yield "too many", {f"key{index}": "" for index in range(51)}
        yield "reserved", {"aws:key": "value"}
        for reason, key in invalid_values(shape.key):
            if isinstance(key, str):
                yield f"key {reason}", {key: "value"}
        for reason, value in invalid_values(shape.value):
            yield f"value {reason}", {"key": value}
    elif kind == "structure":
        yield "wrong type", "not a structure"


def valid_text(shape, length, index=0):
    """Returns a string of this length that otherwise satisfies the shape, as far as the length allows."""
    pattern = shape.metadata.get("pattern", "")
    start = ""
    if pattern.startswith("arn:") or "arn:" in pattern:
        start = "arn:aws:s3:us-east-1:123456789012:accesspoint/"
    text = start + str(index).rjust(max(length - len(start), 0), "1")
    return text[:length] if len(text) > length else text


def members(shape, path=()):
    """Yields every member of the shape and of its nested structures: path, shape, and whether it is required."""
    for name, member in shape.members.items():
        yield path + (name,), member, name in shape.required_members
        if member.type_name == "structure":
            yield from members(member, path + (name,))


def cases():
    for operation in OPERATIONS:
        model = SERVICE.operation_model(operation)
        for path, shape, required in members(model.input_shape):
            location = shape.serialization.get("location")
            label = ".".join(path)
            if required and location is None:
                yield pytest.param(operation, path, ..., id=f"{operation}-{label}-missing")
            for reason, value in invalid_values(shape):
                # A URI contains only strings, and botocore itself rejects an empty path label.
                if location in ("uri", "querystring") and not isinstance(value, (str, int, list)):
                    continue
                if location == "uri" and value == "":
                    continue
                if location == "querystring" and shape.type_name == "list" and reason == "wrong type":
                    continue
                if location == "querystring" and shape.type_name == "list" and not isinstance(value[0], str):
                    continue
                yield pytest.param(operation, path, value, id=f"{operation}-{label}-{reason}")


@pytest.mark.parametrize("operation,path,value", list(cases()))
def test_an_invalid_value_is_rejected_without_effect(unvalidated, control, store, operation, path, value):
    parameters = copy.deepcopy(valid_input(operation, store))
    target = parameters
    for name in path[:-1]:
        target = target.setdefault(name, {"type": "KMS"} if name == "sseConfig" else {})
    if value is ...:
        target.pop(path[-1], None)
    else:
        target[path[-1]] = value
    before = control.call("GET", "stores")
    send_unchanged(unvalidated, operation, parameters, store)
    entry = control.ledger()[-1]
    assert entry["operation"] == operation and entry["status"] == 400, entry
    assert entry["error"] == "ValidationException" and not entry["committed"]
    assert control.call("GET", "stores") == before


def send_unchanged(client, operation, parameters, store):
    """Sends parameters that botocore cannot serialise.

    botocore serialises path and query; before it signs the request, this function replaces the body.
    """
    model = SERVICE.operation_model(operation)
    in_body = {
        name: value
        for name, value in parameters.items()
        if model.input_shape.members[name].serialization.get("location") is None
    }
    serialisable = {name: value for name, value in parameters.items() if name not in in_body}
    for name, value in valid_input(operation, store).items():
        if model.input_shape.members[name].serialization.get("location") is None:
            serialisable[name] = value

    def replace_body(params, **_):
        if in_body or params["body"]:
            params["body"] = json.dumps(in_body).encode()

    event = f"before-call.omics.{operation}"
    client.meta.events.register_last(event, replace_body)
    try:
        with pytest.raises(ClientError) as failure:
            call(client, operation, serialisable)
    finally:
        client.meta.events.unregister(event, replace_body)
    assert failure.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("count,accepted", [(5, True), (6, False)])
def test_the_quota_allows_five_propagated_keys(omics, store, count, accepted):
    keys = [f"k{index}" for index in range(count)]
    if accepted:
        omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=keys)
        return
    with pytest.raises(omics.exceptions.ValidationException):
        omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=keys)


def test_a_knob_raises_the_quota_to_the_limit_of_the_model(omics, control, store):
    control.knobs(maxPropagatedKeys=50)
    keys = [f"k{index}" for index in range(50)]
    assert omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=keys)["propagatedSetLevelTags"] == keys
