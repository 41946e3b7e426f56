"""Which events a command is about, as an operator names them."""

from collections.abc import Sequence

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING
from triggers_api.core.ids import parse_event_id
from triggers_api.core.maintenance import ANY
from triggers_api.core.paging import Filter
from triggers_api.core.times import Clock, format_time, normalise_time
from triggers_api.errors import ConfigurationError
from triggers_api.ops.durations import parse_duration
from triggers_api.ops.shell_commands import triggers_command

_MAX_TYPES = 20
"""As many as `GET /v1/inbox` takes."""

STATUSES = (PENDING, ACKNOWLEDGED, DEAD, ANY)


def parse_filter(
    *,
    status: str,
    source: str | None,
    event_types: Sequence[str],
    since: str | None,
    until: str | None,
    clock: Clock,
    acknowledged_since: str | None = None,
    acknowledged_until: str | None = None,
    statuses: Sequence[str] = STATUSES,
) -> Filter:
    """Return the filter of a command line. A time is `2h`, which is before now, or a time of RFC 3339.

    `statuses` are those that the command takes.

    Raises:
        ConfigurationError: An option has a wrong value. The message names the option.
    """
    if status not in statuses:
        problem = "is not a status" if status not in STATUSES else "is not possible here"
        raise ConfigurationError(f"--status: {status!r} {problem}.", hint=f"Use {' or '.join(statuses)}.")
    types = tuple(sorted(set(event_types)))
    if len(types) > _MAX_TYPES:
        raise ConfigurationError(
            f"--type: {len(types)} types are too many.", hint=f"Give at most {_MAX_TYPES}."
        )
    sources = [] if source is None else [source]
    for option, texts in (("--source", sources), ("--type", types)):
        for text in texts:
            _check_text(option, text)
    start, end = _span("--since", since, "--until", until, clock)
    if status != ACKNOWLEDGED and (acknowledged_since or acknowledged_until):
        raise ConfigurationError(
            "--acknowledged-since and --acknowledged-until are for acknowledged events.",
            hint=f"Add --status {ACKNOWLEDGED}, or leave them out.",
        )
    acknowledged = _span(
        "--acknowledged-since", acknowledged_since, "--acknowledged-until", acknowledged_until, clock
    )
    return Filter(status, source, types, start, end, *acknowledged)


def filter_words(wanted: Filter) -> list[str]:
    """Return the options of a command line that stand for a filter. Times are absolute."""
    options = [
        ("--status", wanted.status),
        ("--source", wanted.source),
        *(("--type", one) for one in wanted.event_types),
        ("--since", wanted.since),
        ("--until", wanted.until),
        ("--acknowledged-since", wanted.acknowledged_since),
        ("--acknowledged-until", wanted.acknowledged_until),
    ]
    return [word for option, value in options if value is not None for word in (option, value)]


def _span(
    first: str, since: str | None, second: str, until: str | None, clock: Clock
) -> tuple[str | None, str | None]:
    start = None if since is None else _moment(first, since, clock)
    end = None if until is None else _moment(second, until, clock)
    if start is not None and end is not None and start >= end:
        raise ConfigurationError(
            f"{first} is not before {second}.", hint=f"Give an earlier {first}, or a later {second}."
        )
    return start, end


def _check_text(option: str, text: str) -> None:
    if not text:
        raise ConfigurationError(f"{option} is empty.", hint="Give a text, or leave the option out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{option}: {text!r} is not UTF-8.", hint="Give a text in UTF-8.") from None


def parse_id(text: str) -> str:
    """Return an event id in lower case.

    Raises:
        ConfigurationError: The text is no event id.
    """
    event_id = parse_event_id(text)
    if event_id is None:
        raise ConfigurationError(
            f"{text!r} is not an event id.",
            hint=f"Copy it from the log, or from `{triggers_command('events list')}`.",
        )
    return event_id


def _moment(option: str, text: str, clock: Clock) -> str:
    try:
        return format_time(max(0, clock() - parse_duration(text) * 1_000_000))
    except ConfigurationError:
        try:
            return normalise_time(text)
        except ValueError:
            raise ConfigurationError(
                f"{option}: {text!r} is neither a duration nor a time.",
                hint="Write 30s, 10m, 2h or 3d, or a time such as 2026-11-22T08:00:00Z.",
            ) from None
