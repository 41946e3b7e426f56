"""Line breaks, terminal escapes and forged lines in every field: none gets into a log line or a header.

Nor does a key or a payload.
"""

import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.driver import Answer, Api
from tests.support.forms import examples
from tests.support.promises import Tried
from tests.support.service_log import written
from tests.support.wild_texts import ODD

EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
ANSWERED_HEADERS = {
    *("access-control-allow-origin", "access-control-expose-headers", "access-control-allow-methods"),
    *("access-control-allow-headers", "access-control-max-age", "allow", "content-length", "content-type"),
    *("cache-control", "idempotent-replayed", "retry-after", "www-authenticate", "x-request-id"),
}
TEXT_LINE = re.compile(
    r'\d{4}-\d\d-\d\dT[\d:.]{15}Z (INFO|WARNING) +request( [a-z_]+=("([^"\\]|\\.)*"|[^ "]*))+'
)
LONGEST_LINE = 2000
CANARY = "canary-5d0e"
PAYLOAD = {"secret": CANARY}

Send = Callable[[Api, str], Answer]
FIELDS: dict[str, Send] = {
    "source": lambda api, text: api.ingest(PAYLOAD, source=text),
    "event_type": lambda api, text: api.ingest(PAYLOAD, event_type=text),
    "payload": lambda api, text: api.ingest({text: text, **PAYLOAD}),
    "correlation_id": lambda api, text: api.ingest(PAYLOAD, metadata={"correlation_id": text}),
    "idempotency_key": lambda api, text: api.ingest(PAYLOAD, metadata={"idempotency_key": text}),
    "unknown field": lambda api, text: api.post("/v1/events", {text: 1, "source": "s", "payload": PAYLOAD}),
    "body": lambda api, text: api.post("/v1/events", body=f"{text}{CANARY}".encode()),
    "filter": lambda api, text: api.inbox(source=text),
    "limit": lambda api, text: api.inbox(limit=text),
    "cursor": lambda api, text: api.inbox(cursor=text),
    "unknown parameter": lambda api, text: api.inbox(**{text: text}),
    "event_id": lambda api, text: api.get(f"/v1/events/{quote(text, safe='')}"),
    "path": lambda api, text: api.get(f"/v1/inbox/{quote(text, safe='')}"),
    "method": lambda api, text: api.call(text, EVENT),
    **{
        name: lambda api, text, name=name: api.ingest(PAYLOAD, headers=[(name, text)])  # type: ignore[misc]  # a lambda's default
        for name in ("X-Request-ID", "Idempotency-Key", "Content-Type", "User-Agent", "Origin", "Cookie")
    },
    "X-API-Key": lambda api, text: api.inbox(text or None),
}
TEXTS = ODD | st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["x" * 9000, "é\n" * 3000])


@pytest.mark.forms
@pytest.mark.promise(9, 11)
@pytest.mark.parametrize("in_lambda", [True, False], ids=["as JSON", "as text"])
@pytest.mark.parametrize("field", FIELDS)
@examples(quick=2, full=25, long=300)
@given(before=st.sampled_from(["", "a", "01936b2e"]), text=TEXTS, after=st.sampled_from(["", "b"]))
def test_no_input_forges_a_log_line_or_a_header(
    each_door: Api, field: str, in_lambda: bool, before: str, text: str, after: str, tried: Tried
) -> None:
    with written("INFO", in_lambda=in_lambda) as log:
        answer = FIELDS[field](each_door, f"{before}{text}{after}")
    assert 200 <= answer.status < 500
    for secret in (CANARY, each_door.key):
        assert secret not in log.getvalue()
        assert secret not in str(answer.headers)
        assert answer.status < 400 or secret not in answer.body.decode()
    assert set(answer.headers) <= ANSWERED_HEADERS
    for value in answer.headers.values():
        assert value.isascii()
        assert value.isprintable()
    (line,) = log.getvalue().removesuffix("\n").split("\n")
    assert line.isascii()
    assert line.isprintable(), "it has no control character and no line break of any kind"
    assert len(line) < LONGEST_LINE
    if in_lambda:
        assert json.loads(line)["status"] == answer.status
    else:
        assert TEXT_LINE.fullmatch(line)
        assert f" status={answer.status} " in f"{line} "
    tried(1)
