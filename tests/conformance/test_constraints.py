"""Every constraint of the model on every input member, derived from the model itself.

botocore checks types and minima only, and here not even these: the simulator has to refuse."""

import copy
import json

import pytest
from botocore.exceptions import ClientError

from conftest import call, valid_input
from model import OPERATIONS, SERVICE, matches

def bad_values(shape, name):
    """Values that the shape forbids, each with a word for it."""
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
        for why, item in bad_values(shape.member, name):
            yield f"item {why}", [item]
    elif kind == "map":
        yield "wrong type", "not a map"
        yield "too many", {f"key{index}": "" for index in range(51)}
        yield "reserved", {"aws:key": "value"}
        for why, key in bad_values(shape.key, name):
            if isinstance(key, str):
                yield f"key {why}", {key: "value"}
        for why, value in bad_values(shape.value, name):
            yield f"value {why}", {"key": value}
    elif kind == "structure":
        yield "wrong type", "not a structure"


def valid_text(shape, length, index=0):
    """A string of this length that breaks no other rule of the shape, as far as its length allows."""
    pattern = shape.metadata.get("pattern", "")
    start = ""
    if pattern.startswith("arn:") or "arn:" in pattern:
        start = "arn:aws:s3:us-east-1:123456789012:accesspoint/"
    text = start + str(index).rjust(max(length - len(start), 0), "1")
    return text[:length] if len(text) > length else text


def members(shape, path=()):
    """Every member below the shape, structures included, by path."""
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
            for why, value in bad_values(shape, path[-1]):
                # The URI can hold strings only, and botocore refuses an empty label itself.
                if location in ("uri", "querystring") and not isinstance(value, (str, int, list)):
                    continue
                if location == "uri" and value == "":
                    continue
                if location == "querystring" and shape.type_name == "list" and why == "wrong type":
                    continue
                if location == "querystring" and shape.type_name == "list" and not isinstance(value[0], str):
                    continue
                yield pytest.param(operation, path, value, id=f"{operation}-{label}-{why}")


@pytest.mark.parametrize("operation,path,value", list(cases()))
def test_refused(unchecked, control, store, operation, path, value):
    parameters = copy.deepcopy(valid_input(operation, store))
    target = parameters
    for name in path[:-1]:
        target = target.setdefault(name, {"type": "KMS"} if name == "sseConfig" else {})
    if value is ...:
        target.pop(path[-1], None)
    else:
        target[path[-1]] = value
    before = control.call("GET", "stores")
    send_as_is(unchecked, operation, parameters, store)
    entry = control.ledger()[-1]
    assert entry["operation"] == operation and entry["status"] == 400, entry
    assert entry["error"] == "ValidationException" and not entry["committed"]
    assert control.call("GET", "stores") == before


def send_as_is(client, operation, parameters, store):
    """Path and query go through botocore; the body is swapped before signing, so that it may hold anything."""
    model = SERVICE.operation_model(operation)
    in_body = {
        name: value
        for name, value in parameters.items()
        if model.input_shape.members[name].serialization.get("location") is None
    }
    carrier = {name: value for name, value in parameters.items() if name not in in_body}
    for name, value in valid_input(operation, store).items():
        if model.input_shape.members[name].serialization.get("location") is None:
            carrier[name] = value

    def swap(params, **_):
        if in_body or params["body"]:
            params["body"] = json.dumps(in_body).encode()

    event = f"before-call.omics.{operation}"
    client.meta.events.register_last(event, swap)
    try:
        with pytest.raises(ClientError) as failure:
            call(client, operation, carrier)
    finally:
        client.meta.events.unregister(event, swap)
    assert failure.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("count,accepted", [(5, True), (6, False)])
def test_propagated_key_quota(omics, store, count, accepted):
    keys = [f"k{index}" for index in range(count)]
    if accepted:
        omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=keys)
        return
    with pytest.raises(omics.exceptions.ValidationException):
        omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=keys)


def test_propagated_keys_up_to_the_model(omics, control, store):
    control.knobs(maxPropagatedKeys=50)
    keys = [f"k{index}" for index in range(50)]
    assert omics.update_sequence_store(id=store["id"], propagatedSetLevelTags=keys)["propagatedSetLevelTags"] == keys
