"""How `triggers inbox` is shown: a line for each part, one line for a watch, or JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from triggers_api.cli.output import console
from triggers_api.core.times import format_time
from triggers_api.ops.durations import in_words
from triggers_api.ops.events.overview import Overview

_NAME_COLUMNS = 12


def excess(overview: Overview, *, max_age: int | None, max_pending: int | None) -> list[str]:
    """Return a sentence for each limit that is exceeded. `max_age` is in seconds."""
    age, pending = overview.oldest_age_seconds, overview.pending
    found = []
    if max_age is not None and age is not None and age > max_age:
        found.append(
            f"The oldest event has been pending for {in_words(age)}, longer than {in_words(max_age)}."
        )
    elif max_age is not None and age is None and pending.capped:
        found.append("The oldest event was not found: too many others were read before it.")
    if max_pending is not None and pending.count > max_pending:
        found.append(
            f"{_number(pending.count, capped=pending.capped)} events are pending, more than {max_pending:,}."
        )
    elif max_pending is not None and pending.capped:
        found.append(f"At least {pending.count:,} events are pending, and not all could be counted.")
    return found


def print_overview(overview: Overview, exceeded: Sequence[str], *, as_json: bool) -> None:
    """Print all parts, and which limits are exceeded."""
    if as_json:
        console.answer_json({**_document(overview), "exceeded": list(exceeded)})
        return
    for name, value in _lines(overview):
        console.answer(f"{name:<{_NAME_COLUMNS}} {value}")


def print_line(overview: Overview, exceeded: Sequence[str], *, as_json: bool) -> None:
    """Print the numbers on one line, with the time in UTC."""
    if as_json:
        console.answer_line({**_document(overview), "exceeded": list(exceeded)})
        return
    console.answer(f"{format_time(overview.at)[11:19]}Z  {', '.join(summary(overview))}")


def summary(overview: Overview) -> list[str]:
    """Return how much waits, since when, and how much is dead."""
    return [f"{name} {value}" for name, value in _numbers(overview)]


def _lines(overview: Overview) -> Iterator[tuple[str, str]]:
    yield from _numbers(overview)
    if overview.expires_in_seconds is not None:
        yield "expires", f"the first one in {in_words(overview.expires_in_seconds)}, handled or not"
    for name, counts in (("sources", overview.sources), ("types", overview.event_types)):
        if counts:
            yield name, ", ".join(f"{text} {number:,}" for text, number in counts)
    if overview.looked_at and not overview.is_whole:
        yield "looked at", f"the oldest {overview.looked_at:,} events, for expiry, sources and types"


def _numbers(overview: Overview) -> Iterator[tuple[str, str]]:
    pending, dead = overview.pending, overview.dead
    leased = f" ({pending.leased:,} leased or delayed)" if pending.leased else ""
    yield "pending", f"{_number(pending.count, capped=pending.capped)}{leased}"
    if overview.oldest_age_seconds is not None:
        yield "oldest", in_words(overview.oldest_age_seconds)
    yield "dead", _number(dead.count, capped=dead.capped)


def _number(count: int, *, capped: bool) -> str:
    return f"at least {count:,}" if capped else f"{count:,}"


def _document(overview: Overview) -> dict[str, Any]:
    pending, dead = overview.pending, overview.dead
    return {
        "at": format_time(overview.at),
        "pending": {
            "count": pending.count,
            "capped": pending.capped,
            "leased": pending.leased,
            "oldest_created_at": pending.oldest_created_at,
            "oldest_age_seconds": overview.oldest_age_seconds,
            "expires_in_seconds": overview.expires_in_seconds,
        },
        "dead": {"count": dead.count, "capped": dead.capped, "oldest_created_at": dead.oldest_created_at},
        "looked_at": overview.looked_at,
        "sources": dict(overview.sources),
        "event_types": dict(overview.event_types),
    }
