"""How `triggers listen` shows a run: a line for each attempt on stdout, notices on stderr, or JSON lines."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from triggers_api.cli.output import console
from triggers_api.core.times import format_time, system_clock
from triggers_api.ops.durations import in_words
from triggers_api.ops.listen.reports import (
    Forwarded,
    Full,
    Outcome,
    Reachable,
    Ready,
    Reconnected,
    Reconnecting,
    Report,
    Summary,
    Waiting,
)

_NONE = "-"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run forwards, and to which URL, as it is shown."""

    inbox: str
    forward_to: str
    acknowledges: bool


class RunWriter:
    """Writes and flushes each report at once."""

    def __init__(self, subject: Subject, *, as_json: bool) -> None:
        self._subject = subject
        self._write: Callable[[Report], None]
        if as_json:
            self._write = self._write_json
        else:
            self._write = self._write_text
            self._write_line = _terminal_writer() if console.terminal_width(sys.stdout) else _write_plain

    def __call__(self, report: Report) -> None:
        """Write a report."""
        self._write(report)

    def _write_json(self, report: Report) -> None:
        at = format_time(system_clock())
        for document in _documents(report, self._subject):
            console.answer_line({"kind": document.pop("kind"), "at": at, **document})

    def _write_text(self, report: Report) -> None:
        url = self._subject.forward_to
        match report:
            case Ready():
                console.say(*_ready_lines(self._subject))
            case Forwarded():
                self._write_line(report)
            case Waiting():
                console.say(f"waiting: {url} {report.problem}")
            case Reachable():
                console.say(f"ready: {url} accepts connections")
            case Reconnecting():
                console.say(f"reconnecting in {report.seconds} s: {report.message}")
            case Reconnected():
                console.say("reconnected")
            case Full():
                console.say(_full(report))


def print_summary(summary: Summary, forward_to: str) -> None:
    """Print the numbers of a run that has ended, to stderr."""
    problem = f" {forward_to} {summary.problem}." if summary.problem else ""
    failed = f" {_quantity(summary.failed)} failed." if summary.failed else ""
    console.say(f"Forwarded {_quantity(summary.forwarded)}.{failed}{problem}")


def _ready_lines(subject: Subject) -> list[str]:
    accepted = (
        "A 2xx acknowledges an event." if subject.acknowledges else "Nothing is acknowledged (add --ack)."
    )
    return [
        f"Forwarding pending events of {subject.inbox} to {subject.forward_to}. {accepted}",
        "Press Ctrl-C to stop.",
    ]


def _full(report: Full) -> str:
    return (
        f"More than {report.limit:,} events are pending: the newest of them are not forwarded. "
        "Narrow them with --source, --type or --since."
    )


def _write_plain(report: Forwarded) -> None:
    before, status, after = _parts(report)
    console.answer(f"{before} {status} {after}")


def _terminal_writer() -> Callable[[Forwarded], None]:
    terminal = console.rich_console(sys.stdout)

    def write(report: Forwarded) -> None:
        before, status, after = _parts(report)
        text = console.rich_text(f"{before} ")
        text.append_text(console.rich_text(status, "green" if report.attempt.is_accepted else "red"))
        text.append_text(console.rich_text(f" {after}"))
        terminal.print(text, soft_wrap=True)  # the terminal wraps a long line itself, and nothing is cut

    return write


def _parts(report: Forwarded) -> tuple[str, str, str]:
    """Return the time, the status, and the rest: milliseconds, id, type, and what follows from a failure."""
    attempt = report.attempt
    milliseconds = f"{attempt.milliseconds:,} ms"
    note = "; ".join(filter(None, (attempt.problem, _consequence(report))))
    words = [
        f"{milliseconds:>9}",
        report.event.event_id,
        report.event.event_type,
        f"({note})" if note else "",
    ]
    return (
        f"{time.strftime('%H:%M:%S', time.gmtime())}Z",
        f"{_NONE if attempt.status is None else attempt.status:>3}",
        " ".join(filter(None, words)),
    )


def _consequence(report: Forwarded) -> str:
    match report.outcome:
        case Outcome.DELIVERED | Outcome.ACKNOWLEDGED:
            return ""
        case Outcome.NOT_ACKNOWLEDGED:
            return f"not acknowledged: {report.reason}"
        case Outcome.RETRYING | Outcome.RELEASED:
            return f"retry in {in_words(report.retry_seconds)}"
        case Outcome.LEFT_PENDING:
            return f"left pending: {report.reason}" if report.reason else "left pending"
        case Outcome.DEAD:
            return f"dead after {report.number:,} deliver{'y' if report.number == 1 else 'ies'}"


def _documents(  # noqa: PLR0911 - one for each kind of report
    report: Report, subject: Subject
) -> list[dict[str, Any]]:
    match report:
        case Ready():
            shown = {"forward_to": subject.forward_to, "inbox": subject.inbox}
            return [{"kind": "ready", **shown, "acknowledges": subject.acknowledges}]
        case Forwarded():
            return _forwarded_documents(report)
        case Waiting():
            return [{"kind": "waiting", "forward_to": subject.forward_to, "reason": report.problem}]
        case Reachable():
            return [{"kind": "reachable", "forward_to": subject.forward_to}]
        case Reconnecting():
            return [{"kind": "reconnecting", "seconds": report.seconds, "reason": report.message}]
        case Reconnected():
            return [{"kind": "reconnected"}]
        case Full():
            return [{"kind": "full", "limit": report.limit}]


def _forwarded_documents(report: Forwarded) -> list[dict[str, Any]]:
    event, attempt = report.event, report.attempt
    document = {
        "kind": "event",
        "event_id": event.event_id,
        "source": event.source,
        "event_type": event.event_type,
        "created_at": event.created_at,
        "attempt": report.number,
        "status": attempt.status,
        "duration_ms": attempt.milliseconds,
        "outcome": report.outcome,
        "reason": "; ".join(filter(None, (attempt.problem, report.reason))),
    }
    if report.outcome not in {Outcome.RETRYING, Outcome.RELEASED}:
        return [document]
    return [document, {"kind": "retrying", "event_id": event.event_id, "seconds": report.retry_seconds}]


def _quantity(number: int) -> str:
    return f"{number:,} event{'' if number == 1 else 's'}"
