"""REST-proxy events as API Gateway makes them for the template's paths, and the responses that it takes."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

HOST = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"

SCHEDULED: dict[str, Any] = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-27T08:15:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/triggers-api-prod-backlog"],
    "detail": {},
}
"""An event as a rule with a schedule sends it."""


@dataclass(frozen=True)
class LambdaContext:
    """What the service reads of Lambda's context."""

    aws_request_id: str = "8f1f8f6e-2f0d-4f7e-9a0b-1d2c3b4a5968"
    function_name: str = "triggers-api-prod"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def rest_event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    as_base64: bool = False,
    host: str = HOST,
    stage_prefix: str = "/prod",
    base_path: str = "",
) -> dict[str, Any]:
    """Return the event of a call. `base_path`: a custom domain's mapping, which `path` includes.

    `stage_prefix` stands before the path in `requestContext.path` on the API's own domain only.
    """
    sent = [
        ("Accept", "*/*"),
        ("CloudFront-Viewer-Country", "NL"),
        ("Host", host),
        ("User-Agent", "curl/8.5.0"),
        ("X-Amzn-Trace-Id", "Root=1-67470000-1234567890abcdef12345678"),
        ("X-Forwarded-For", "203.0.113.7, 70.132.20.1"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
        *headers,
    ]
    pairs = parse_qsl(query, keep_blank_values=True)
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = "", True
    if as_base64 or encoded:
        text, encoded = base64.b64encode(body).decode(), True
    resource, parameters = _routed(path)
    return {
        "resource": resource,
        "path": f"{base_path}{path}",
        "httpMethod": method,
        "headers": dict(sent),
        "multiValueHeaders": _grouped(sent),
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": _grouped(pairs) or None,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": resource,
            "httpMethod": method,
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "requestTime": "27/Nov/2024:08:15:30 +0000",
            "path": f"{stage_prefix}{base_path}{path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "domainPrefix": host.partition(".")[0],
            "requestTimeEpoch": 1732695330000,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0", "apiKey": None},
            "domainName": host,
            "apiId": "a1b2c3d4e5",
        },
        "body": text or None,
        "isBase64Encoded": encoded,
    }


def checked(response: dict[str, Any]) -> dict[str, Any]:
    """Assert that a response is one that API Gateway takes; return its body."""
    assert set(response) == {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
    assert type(response["statusCode"]) is int
    assert type(response["body"]) is str
    assert response["isBase64Encoded"] is False
    assert all(type(n) is str and type(v) is str for n, v in response["headers"].items())
    assert json.loads(json.dumps(response, ensure_ascii=False).encode()) == response
    assert response["headers"]["access-control-allow-origin"] == "*"
    body: dict[str, Any] = json.loads(response["body"])
    assert body.get("error", body)["request_id"] == response["headers"]["x-request-id"]
    return body


def _routed(path: str) -> tuple[str, dict[str, str]]:
    """Return the template's path that API Gateway chooses for a path, and its parameters."""
    if hook := re.fullmatch(r"/v1/hooks/([^/]+)", path):
        return "/v1/hooks/{hook_id}", {"hook_id": hook[1]}
    return "/{proxy+}", {"proxy": path.lstrip("/")}


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped
