"""The public service model of HealthOmics, from botocore, and the checks of raw responses against it."""

import json
import re
import unicodedata

import botocore.session

SERVICE = botocore.session.get_session().get_service_model("omics", api_version="2022-11-28")

OPERATIONS = [
    "CreateSequenceStore",
    "GetSequenceStore",
    "UpdateSequenceStore",
    "DeleteSequenceStore",
    "ListSequenceStores",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
    "PutS3AccessPolicy",
    "GetS3AccessPolicy",
    "DeleteS3AccessPolicy",
    "ListReadSets",
    "BatchDeleteReadSet",
]

# AWS returns these errors before it executes an operation, so the model of no operation contains them.
COMMON_ERRORS = {
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
    "InvalidSignatureException": 403,
    "UnknownOperationException": 404,
}

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def errors_of(operation):
    """Returns the name and HTTP status of each error that the model defines for the operation."""
    shapes = SERVICE.operation_model(operation).error_shapes
    return {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in shapes}


def matches(pattern, value):
    """Whether the pattern matches the whole value."""
    # The re module does not support the Unicode classes of this pattern.
    if r"\p{L}" in pattern:
        return value != "" and all(unicodedata.category(character)[0] in "LMZSNP" for character in value)
    # The model writes "empty or x" as `$|^x`.
    return re.fullmatch(pattern.replace("$|^", "|"), value) is not None


def check_value(shape, value, path):
    """Asserts that the shape allows the JSON value."""
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), f"{path}: not an object: {value!r}"
        unknown = value.keys() - {m.serialization.get("name", n) for n, m in shape.members.items()}
        assert not unknown, f"{path}: members that are not in the model: {unknown}"
        for name, member in shape.members.items():
            wire_name = member.serialization.get("name", name)
            required = name in shape.required_members
            if value.get(wire_name) is None:
                assert not required, f"{path}.{name} is required"
                continue
            check_value(member, value[wire_name], f"{path}.{name}")
    elif kind == "list":
        assert isinstance(value, list), f"{path}: not a list"
        check_size(shape, len(value), path)
        for index, item in enumerate(value):
            check_value(shape.member, item, f"{path}[{index}]")
    elif kind == "map":
        assert isinstance(value, dict), f"{path}: not a map"
        check_size(shape, len(value), path)
        for key, item in value.items():
            check_value(shape.key, key, f"{path} key")
            check_value(shape.value, item, f"{path}[{key}]")
    elif kind == "string":
        assert isinstance(value, str), f"{path}: not a string: {value!r}"
        check_size(shape, len(value), path)
        pattern = shape.metadata.get("pattern")
        assert not pattern or matches(pattern, value), f"{path}: {value!r} does not match {pattern}"
        assert not shape.enum or value in shape.enum, f"{path}: {value!r} is not one of {shape.enum}"
    elif kind == "timestamp":
        assert isinstance(value, str) and TIMESTAMP.fullmatch(value), f"{path}: {value!r}"
    elif kind in ("integer", "long"):
        assert isinstance(value, int) and not isinstance(value, bool), f"{path}: {value!r}"
    else:
        raise AssertionError(f"{path}: cannot check a shape of type {kind}")


def check_size(shape, size, path):
    bounds = shape.metadata
    assert bounds.get("min", 0) <= size <= bounds.get("max", size), f"{path}: size {size} is out of bounds {bounds}"


def check_response(http_response, parsed, model, **_):
    """Runs after every call and asserts that the model allows the raw response."""
    headers = {name.lower(): value for name, value in http_response.headers.items()}
    assert REQUEST_ID.fullmatch(headers["x-amzn-requestid"]), headers
    assert headers["date"].endswith("GMT")
    status, body = http_response.status_code, http_response.content
    if status < 300:
        assert status == model.http.get("responseCode", 200), f"{model.name}: {status}"
        if not body:
            assert model.output_shape is None or not model.output_shape.members, f"{model.name}: no body"
            return
        assert headers["content-type"] == "application/json"
        check_value(model.output_shape, json.loads(body), model.name)
        return
    code = headers["x-amzn-errortype"]
    expected = {**errors_of(model.name), **COMMON_ERRORS}
    assert expected.get(code) == status, f"{model.name}: {code} {status} is not modelled"
    assert headers["content-type"] == "application/json"
    error = json.loads(body)
    assert list(error) == ["message"] and isinstance(error["message"], str), error
