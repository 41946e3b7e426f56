"""What `triggers status` prints about a stage."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from triggers_api.cli.output.status import print_status
from triggers_api.core.paging import DeadStats, PendingStats
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.events.overview import Overview
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.status import FunctionStatus, Status, TableStatus
from triggers_api.version import VERSION

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
OUTPUTS = {
    "RoleName": "role-x",
    "ApiUrl": "https://api.example/prod",
    "FunctionName": "function-x",
    "EventsTableName": "events-x",
    "ApiKeysTableName": "keys-x",
    "Version": VERSION,
}
FUNCTION = FunctionStatus("function-x", "Active", "python3.11", "x86_64", 512, 1, "2026-11-22")
TABLES = tuple(TableStatus(name, "ACTIVE", 12345, 678901) for name in ("events-x", "keys-x"))
TAGS = {"application": "triggers-api", "stage": "prod", "version": VERSION}
BACKLOG = Overview(
    at=0,
    pending=PendingStats(count=1234, capped=False, leased=5, oldest_since=None, oldest_created_at=None),
    dead=DeadStats(count=7, capped=False, oldest_created_at=None),
    oldest_age_seconds=90,
    expires_in_seconds=None,
    looked_at=None,
    is_whole=True,
    sources=(),
    event_types=(),
)


FAR = Finding("throttle", State.OK, "1 of 100 requests a second (1%)")


def status(tags: Mapping[str, str] = TAGS, limit: Finding = FAR) -> Status:
    stack = Stack("arn", "triggers-api-prod", "CREATE_COMPLETE", "", AT, OUTPUTS, {}, tags)
    return Status(stack, OUTPUTS, FUNCTION, TABLES, (limit,))


def printed(found: Status, backlog: Overview | None, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """Return the name and the text of each line."""
    print_status(found, backlog, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    return [[line[:13].rstrip(), line[14:]] for line in lines]


def test_url_comes_first_and_each_name_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(status(), BACKLOG, capsys)
    assert lines[0] == ["ApiUrl", "https://api.example/prod"]
    text = json.dumps(lines)
    for name in ("function-x", "events-x", "keys-x", "role-x", "https://"):
        assert text.count(name) == 1
    assert ["backlog", "pending 1,234 (5 leased or delayed), oldest 1 min 30 s, dead 7"] in lines
    assert ["version", f"{VERSION} (this program: {VERSION})"] in lines


def test_backlog_that_cannot_be_read_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert ["backlog", "unknown"] in printed(status(), None, capsys)


def test_limit_that_is_near_is_marked_as_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    near = Finding("throttle", State.WARNING, "99 of 100 requests a second (99%)", "Send batches.")
    lines = printed(status(limit=near), BACKLOG, capsys)
    assert ["throttle", "warning: 99 of 100 requests a second (99%). Send batches."] in lines
    assert ["throttle", "1 of 100 requests a second (1%)"] in printed(status(), BACKLOG, capsys)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (TAGS, "in Cost Explorer, by the tag stage: prod"),
        ({}, "no tags yet; the next deployment adds them"),
    ],
    ids=["tagged", "older"],
)
def test_status_shows_the_tag_of_the_costs(
    tags: Mapping[str, str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ["costs", expected] in printed(status(tags), BACKLOG, capsys)


def test_json_has_the_backlog_and_the_tags(capsys: pytest.CaptureFixture[str]) -> None:
    print_status(status(), BACKLOG, as_json=True)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["backlog"] == {
        "pending": {"count": 1234, "capped": False, "oldest_age_seconds": 90},
        "dead": {"count": 7, "capped": False},
    }
    assert document["tags"] == TAGS
    assert document["outputs"] == OUTPUTS
