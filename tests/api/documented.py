"""What holds for every answer, checked at every call of every test: its request id, its documented schema."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from tests.support.contract import DOCUMENT

_SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
_METHODS = {"GET": "get", "POST": "post", "DELETE": "delete"}
_ALWAYS_READABLE = {"cache-control", "content-length", "content-type"}
"""What a page of another origin may read without being allowed to, as far as the service sends it."""
_FOR_THE_TRANSPORT = {
    *("accept-encoding", "vary", "content-disposition", "x-content-type-options"),
    *("webhook-allowed-origin", "webhook-allowed-rate"),
}
"""What no page needs to read."""
_HAS_NO_JSON = re.compile(r"/v1/hooks/[^/]+|/v1/events/[^/]+/body")


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail where an answer is not what the contract promises of it."""
    request_id = headers["x-request-id"]
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", request_id)
    assert headers["cache-control"] == "no-store"
    if "access-control-allow-origin" in headers:
        exposed = {name.lower() for name in headers["access-control-expose-headers"].split(", ")}
        sent = {name for name in headers if not name.startswith("access-control-")}
        unseen = sent - exposed - _ALWAYS_READABLE - _FOR_THE_TRANSPORT
        assert unseen == set(), "a page of another origin must be able to read it"
    if method == "HEAD":
        assert body == b""
        return
    assert headers["content-length"] == str(len(body))
    if status < 400 and (not path.startswith("/v1/") or _HAS_NO_JSON.fullmatch(path)):
        return  # the documentation itself, and what a provider sent
    assert headers["content-type"] == "application/json"
    answer = json.loads(body)
    assert (answer["error"] if status >= 400 else answer)["request_id"] == request_id
    if status >= 400:
        assert len(body) < 4096, "an error is small"
    name = _schema_of(method, path, status)
    if name is not None:
        problems = [problem.message for problem in schema(name).iter_errors(answer)]
        assert problems == [], (method, path, status, name)


@cache
def schema(name: str) -> Draft202012Validator:
    """Return the validator for one of the document's schemas."""
    components = {"components": {"schemas": {name: _closed(one) for name, one in _SCHEMAS.items()}}}
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", **components})


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that refuses undocumented members: the document allows them, the service sends none."""
    return {**schema, "additionalProperties": False}


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """Return the documented operation of a request, None where there is none."""
    for template, item in DOCUMENT["paths"].items():
        form = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(form, path) and _METHODS.get(method) in item:
            found: dict[str, Any] = item[_METHODS[method]]
            return found
    return None


def _schema_of(method: str, path: str, status: int) -> str | None:
    operation = operation_of(method, path)
    if operation is None or "%2F" in path or status == 421:  # a wrong host: not the API's answer
        return "ErrorResponse" if status >= 400 else None
    responses = operation["responses"]
    assert str(status) in responses, f"{method} {path}: {status} is not documented"
    reference: str = responses[str(status)]["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]
