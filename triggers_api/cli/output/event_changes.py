"""How `triggers events ack`, `requeue` and `delete` show what they did."""

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager

from triggers_api.cli.output import console
from triggers_api.core.paging import Count
from triggers_api.errors import LocalEnvironmentError
from triggers_api.ops.events.changes import Change, ChangedIds
from triggers_api.ops.shell_commands import triggers_command

_VERBS = {
    Change.ACKNOWLEDGE: ("Acknowledge", "Acknowledging", "Acknowledged"),
    Change.REQUEUE: ("Requeue", "Requeuing", "Requeued"),
    Change.DELETE: ("Delete", "Deleting", "Deleted"),
}


def verb(change: Change) -> str:
    """Return what is done, such as `Delete`."""
    return _VERBS[change][0]


def doing(change: Change) -> str:
    """Return what is being done, such as `Deleting events`."""
    return f"{_VERBS[change][1]} events"


def quantity(number: int) -> str:
    """Return a number of events in words."""
    return f"{number:,} event{'' if number == 1 else 's'}"


def must_deliver_changes(change: Change, number: int) -> AbstractContextManager[None]:
    """Print the number with the error, if the answer cannot be written."""
    return console.must_deliver(
        LocalEnvironmentError(
            "The answer could not be written.",
            reason=f"stdout is closed, or its disk is full: {_VERBS[change][2].lower()} {quantity(number)}",
            hint=f"The change was made. See `{triggers_command('events list', '--status', 'any')}`.",
        )
    )


def print_counts(change: Change, counts: Mapping[str, Count], *, as_json: bool) -> None:
    """Print how many events a change would be about."""
    number, is_bounded = sum(one.count for one in counts.values()), any(one.capped for one in counts.values())
    if as_json:
        statuses = {status: one.count for status, one in counts.items()}
        console.answer_json(
            {"change": change, "matching": number, "statuses": statuses, "complete": not is_bounded}
        )
        return
    at_least = "at least " if is_bounded else ""
    parts = _parts({status: one.count for status, one in counts.items()})
    console.answer(f"Would {verb(change).lower()} {at_least}{quantity(number)}{parts}.")


def print_changed(change: Change, done: Mapping[str, int], *, is_complete: bool, as_json: bool) -> None:
    """Print how many events of each status were changed."""
    number = sum(done.values())
    if as_json:
        console.answer_json(
            {"change": change, "changed": number, "statuses": dict(done), "complete": is_complete}
        )
    else:
        console.answer(f"{_VERBS[change][2]} {quantity(number)}{_parts(done)}.")


def print_changed_ids(change: Change, done: ChangedIds, *, as_json: bool) -> None:
    """Print what became of events that were named by their ids."""
    statuses = Counter(done.changed)
    if as_json:
        console.answer_json(
            {
                "change": change,
                "changed": len(done.changed),
                "statuses": statuses,
                "unchanged": done.unchanged,
                "missing": done.missing,
                "complete": not done.missing,
            }
        )
        return
    console.answer(f"{_VERBS[change][2]} {quantity(len(done.changed))}{_parts(statuses)}.")
    state = "pending" if change is Change.REQUEUE else "acknowledged"
    console.say(*(f"Event {event_id} is {state} already." for event_id in done.unchanged))
    console.say(*(f"There is no event {event_id}." for event_id in done.missing))


def _parts(statuses: Mapping[str, int]) -> str:
    """Return the numbers of several statuses."""
    parts = [f"{number:,} {status}" for status, number in statuses.items() if number]
    return f": {', '.join(parts)}" if len(statuses) > 1 and parts else ""
