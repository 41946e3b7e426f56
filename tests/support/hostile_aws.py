"""An AWS, and an API, whose every answer holds what an attacker would write to a terminal."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from triggers_api.core.hooks.records import hook_digest_of
from triggers_api.core.keys import digest_of

IN_XML = "evil\x7f\x9b31m\x85\u202e\u2066\u2028\u2029\u200f[red]x[/red]\nerror: forged"
"""Controls that XML allows: C1, bidirectional ones, separators. Rich's markup, and a line of our own form."""

HOSTILE = f"\x1b[31m\x1b]8;;http://evil.example\x07\x08\r\0{IN_XML}"
"""The same, and the escapes that move the cursor, make a link and ring the bell."""

KEY = "trg_hostile_key_0123456789"
_STAGE = "dev"
_STACK = f"""<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackId>arn:aws:cloudformation:us-east-1:1:stack/x{IN_XML}/1</StackId><StackName>triggers-api-dev</StackName>
<StackStatus>UPDATE_COMPLETE</StackStatus><StackStatusReason>{IN_XML}</StackStatusReason>
<CreationTime>2026-11-22T10:30:00Z</CreationTime>
<Parameters>
<member><ParameterKey>Stage</ParameterKey><ParameterValue>{_STAGE}</ParameterValue></member>
<member><ParameterKey>EventTtlDays</ParameterKey><ParameterValue>7</ParameterValue></member>
<member><ParameterKey>CorsAllowOrigin</ParameterKey><ParameterValue>{IN_XML}</ParameterValue></member>
</Parameters>
<Outputs>
<member><OutputKey>ApiUrl</OutputKey><OutputValue>https://evil.example/{IN_XML}</OutputValue></member>
<member><OutputKey>Version</OutputKey><OutputValue>{IN_XML}</OutputValue></member>
<member><OutputKey>FunctionName</OutputKey><OutputValue>f</OutputValue></member>
<member><OutputKey>EventsTableName</OutputKey><OutputValue>t</OutputValue></member>
<member><OutputKey>{IN_XML}</OutputKey><OutputValue>x</OutputValue></member>
</Outputs>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
_RESOURCES = f"""<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>
<LogicalResourceId>{IN_XML}</LogicalResourceId><PhysicalResourceId>{IN_XML}</PhysicalResourceId>
<ResourceType>{IN_XML}</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>
</member></StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"""
_IN_XML = {
    "GetCallerIdentity": "<GetCallerIdentityResponse><GetCallerIdentityResult>"
    f"<Account>{IN_XML}</Account><Arn>{IN_XML}</Arn><UserId>u</UserId>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>",
    "DescribeStacks": _STACK,
    "ListStackResources": _RESOURCES,
    "GetTemplate": "<GetTemplateResponse><GetTemplateResult><TemplateBody>"
    '{"Resources": {"x": {}}}</TemplateBody></GetTemplateResult></GetTemplateResponse>',
    "ListChangeSets": "<ListChangeSetsResponse><ListChangeSetsResult><Summaries/></ListChangeSetsResult>"
    "</ListChangeSetsResponse>",
}
_RECORD = {
    "api_key": {"S": digest_of(KEY)},
    "is_active": {"BOOL": True},
    "source": {"S": HOSTILE},
    "name": {"S": HOSTILE},
    "prefix": {"S": HOSTILE},
    "created_at": {"S": HOSTILE},
}
HOOK = "hook_" + "h" * 43
_HOOK_RECORD = {
    "api_key": {"S": hook_digest_of(HOOK)},
    "is_active": {"BOOL": True},
    "preset": {"S": "github"},
    "secret": {"S": "s"},
    "dedupe": {"S": "id"},
    **{name: {"S": HOSTILE} for name in ("source", "event_type", "prefix")},
}
_IN_JSON: dict[str, Any] = {
    "DescribeTable": {"Table": {"TableStatus": HOSTILE, "ItemCount": 1, "TableSizeBytes": 1}},
    "Scan": {"Items": [_RECORD], "Count": 1, "ScannedCount": 1},
    "GetItem": {"Item": _RECORD},
    "FilterLogEvents": {
        "events": [
            {"eventId": "1", "timestamp": 1_795_000_000_000, "message": HOSTILE, "logStreamName": HOSTILE},
            {
                "eventId": "2",
                "timestamp": 1_795_000_000_001,
                "logStreamName": "s",
                "message": json.dumps(
                    {
                        "timestamp": HOSTILE,
                        "level": "ERROR",
                        "message": HOSTILE,
                        "path": HOSTILE,
                        "source": HOSTILE,
                        HOSTILE: HOSTILE,
                        "traceback": [HOSTILE],
                    }
                ),
            },
        ]
    },
}
_FUNCTION = {
    "FunctionName": HOSTILE,
    "State": HOSTILE,
    "Runtime": HOSTILE,
    "Architectures": [HOSTILE],
    "MemorySize": 1,
    "CodeSize": 1,
    "LastModified": HOSTILE,
    "Handler": HOSTILE,
    "Role": HOSTILE,
}


_OF_HOOKS: dict[str, Any] = {
    "Scan": {"Items": [_HOOK_RECORD], "Count": 1, "ScannedCount": 1},
    "GetItem": {"Item": _HOOK_RECORD},
}


def _is_about_hooks(body: str) -> bool:
    return '"hook:sha256:' in body or '"begins_with(api_key' in body


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if target:
            refusal = {"__type": "AccessDeniedException", "message": HOSTILE}
            answer = _OF_HOOKS.get(target) if _is_about_hooks(body) else None
            answer = answer or _IN_JSON.get(target)
            self._reply_json(400 if answer is None else 200, answer or refusal)
            return
        action = next(iter(parse_qs(body).get("Action", [])), "")
        if not action:
            self._reply_json(400, {"error": {"code": HOSTILE, "message": HOSTILE, "request_id": HOSTILE}})
            return
        refused = (
            f"<ErrorResponse><Error><Code>Throttled</Code><Message>{IN_XML}</Message></Error></ErrorResponse>"
        )
        self._reply(200 if action in _IN_XML else 400, _IN_XML.get(action, refused), "text/xml")

    def do_GET(self) -> None:
        service = re.search(r"/([a-z0-9-]+)/aws4_request", self.headers.get("Authorization", ""))
        if service and service[1] == "lambda":
            self._reply_json(200, _FUNCTION)
        elif service:
            self._reply_json(403, {"message": HOSTILE, "Message": HOSTILE})
        else:
            healthy = {"status": "healthy", "timestamp": HOSTILE, "version": HOSTILE, "request_id": HOSTILE}
            self._reply_json(200, healthy)

    def __getattr__(self, name: str) -> Any:
        """Answer every other method of HTTP like GET."""
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def _reply_json(self, status: int, document: Any) -> None:
        self._reply(status, json.dumps(document), "application/json")

    def _reply(self, status: int, text: str, content_type: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", content_type)
        self.send_header("x-amzn-RequestId", "r")  # the sign by which the store knows DynamoDB
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def answering() -> Iterator[str]:
    """Run it, and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
