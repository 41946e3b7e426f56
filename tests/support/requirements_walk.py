"""The calls of the requirements' section 7, line by line. The tests check the answers."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.curl import CurlAnswer, curl
from tests.support.dev_server import KEY

UNKNOWN_EVENT = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
WITH_KEY = ("-H", f"X-API-Key: {KEY}")
AS_JSON = ("-H", "Content-Type: application/json")

Read = Callable[[str, str], Any]
"""Reads an event's item from behind the service, by event id and creation time."""

_VARIES = re.compile(
    r'"next_cursor": "[^"]+"'
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
)
_OF_THE_SERVER = {"date", "content-length"}


@dataclass
class Walk:
    """What a walk saw: its answers in order, by name, and items as they were in the table."""

    answers: dict[str, CurlAnswer] = field(default_factory=dict)
    items: dict[str, Any] = field(default_factory=dict)
    event_ids: list[str] = field(default_factory=list)

    def normalised(self) -> dict[str, Any]:
        """Return the answers with each id, time and cursor replaced by the order in which it appeared."""
        seen: dict[str, str] = {}

        def masked(found: re.Match[str]) -> str:
            return seen.setdefault(found[0], f"<{len(seen)}>").replace('"', "")

        result = {}
        for name, answer in self.answers.items():
            headers = {key: value for key, value in answer.headers.items() if key not in _OF_THE_SERVER}
            text = json.dumps([answer.status, headers, answer.body], sort_keys=True)
            result[name] = _VARIES.sub(masked, text)
        return result


def walk(url: str, read: Read | None) -> Walk:
    """Make the walk on an empty, live API."""
    seen = Walk()
    answers = seen.answers

    # 7.2
    answers["health"] = curl(f"{url}/v1/health")

    # 7.3
    event = '{"source": "test", "event_type": "test.created", "payload": {}}'
    to_ingest = ("-X", "POST", f"{url}/v1/events", *AS_JSON)
    answers["ingest"] = ingest = curl(
        *to_ingest, *WITH_KEY, "-H", "X-Request-ID: test-request-123", "-d", event
    )
    event_id, created_at = ingest.body["event_id"], ingest.body["created_at"]
    if read:
        seen.items["ingest"] = read(event_id, created_at)
    answers["event"] = curl(f"{url}/v1/events/{event_id}", *WITH_KEY)
    answers["ingest without a key"] = curl(*to_ingest, "-d", event)
    answers["ingest with a wrong key"] = curl(
        *to_ingest, "-H", "X-API-Key: wrong-key-1234567890", "-d", event
    )
    for what, body in {
        "no payload": '{"source": "test", "event_type": "test.created"}',
        "a payload that is no object": '{"source": "test", "event_type": "test.created", "payload": [1]}',
        "no JSON": "{source: test}",
    }.items():
        answers[f"ingest of {what}"] = curl(*to_ingest, *WITH_KEY, "-d", body)

    # 7.4
    for source, event_type in (("elsewhere", "test.created"), ("test", "test.updated")):
        other = json.dumps({"source": source, "event_type": event_type, "payload": {"from": source}})
        answers[f"ingest {event_type} from {source}"] = curl(*to_ingest, *WITH_KEY, "-d", other)
    seen.event_ids = [answer.body["event_id"] for answer in answers.values() if answer.status == 201]
    inbox = f"{url}/v1/inbox"
    answers["inbox"] = curl("-X", "GET", f"{inbox}?limit=10", *WITH_KEY)
    answers["inbox, first page"] = first = curl("-X", "GET", f"{inbox}?limit=2", *WITH_KEY)
    cursor = first.body["pagination"].get("next_cursor", "missing")
    answers["inbox, second page"] = curl("-X", "GET", f"{inbox}?limit=2&cursor={cursor}", *WITH_KEY)
    for query in ("source=test", "event_type=test.created", "source=test&event_type=test.created"):
        answers[f"inbox?{query}"] = curl("-X", "GET", f"{inbox}?{query}", *WITH_KEY)

    # 7.5
    to_ack = ("-X", "POST", *WITH_KEY)
    answers["ack"] = curl(*to_ack, f"{url}/v1/events/{event_id}/ack")
    answers["event after its ack"] = curl(f"{url}/v1/events/{event_id}", *WITH_KEY)
    answers["inbox after the ack"] = curl(inbox, *WITH_KEY)
    answers["ack of an unknown event"] = curl(*to_ack, f"{url}/v1/events/{UNKNOWN_EVENT}/ack")
    answers["second ack"] = curl(*to_ack, f"{url}/v1/events/{event_id}/ack")

    # 7.6
    to_delete = ("-X", "DELETE", *WITH_KEY)
    answers["delete"] = curl(*to_delete, f"{url}/v1/events/{event_id}")
    if read:
        seen.items["delete"] = read(event_id, created_at)
    answers["event after its delete"] = curl(f"{url}/v1/events/{event_id}", *WITH_KEY)
    answers["second delete"] = curl(*to_delete, f"{url}/v1/events/{event_id}")
    answers["delete of an unknown event"] = curl(*to_delete, f"{url}/v1/events/{UNKNOWN_EVENT}")

    # 7.7
    preflight = ("-H", "Origin: https://example.com", "-H", "Access-Control-Request-Method: POST")
    answers["preflight"] = curl("-X", "OPTIONS", f"{url}/v1/events", *preflight)

    # 7.8
    with_id = ("-H", "X-Request-ID: custom-request-id-123")
    answers["health with a request id"] = curl("-X", "GET", f"{url}/v1/health", *with_id)
    answers["health without a request id"] = curl("-X", "GET", f"{url}/v1/health")
    return seen
