"""How the `triggers hooks` commands show hooks: never a secret, nor a whole id, that was shown before."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from triggers_api.cli.output import console
from triggers_api.core.hooks.presets import Preset
from triggers_api.core.hooks.records import HookRecord
from triggers_api.errors import CorruptRecordError, LocalEnvironmentError
from triggers_api.ops.hooks.new_hook import needs_secret
from triggers_api.ops.hooks.operations import NewHook
from triggers_api.ops.hooks.states import hook_state, old_secret_end
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.ops.hook_delivery.delivery import Delivered

_COLUMNS = ("ID", "PREFIX", "SOURCE", "PRESET", "TYPE", "CREATED", "STATE")
_NAME_COLUMNS = 22


def print_new_hook(new: NewHook, preset: Preset, url: str, target: Target, *, as_json: bool) -> None:
    """Print the URL of a new hook, and its secret if it was generated: the only time that this is possible.

    Args:
        new: The hook.
        preset: Its preset.
        url: Its URL.
        target: The stage that it is on.
        as_json: Print one JSON document.

    Raises:
        LocalEnvironmentError: They cannot be printed.
    """
    record, stage = new.record, target.stage.value
    if not needs_secret(preset):
        console.say("warning: The URL is the secret: anyone who knows it can post events.")
    console.say(f"The hook's id is {record.id}; its events have the source {record.source}.")
    lost = LocalEnvironmentError(
        f"Hook {record.id} was created, but its URL could not be shown.",
        reason="the output cannot be written",
        hint=f"Create another, and revoke this one: {triggers_command('hooks revoke', record.id)}",
    )
    with console.must_deliver(lost):
        if as_json:
            made = {} if new.made_secret is None else {"secret": new.made_secret}
            document = {"id": record.id, "url": url, "source": record.source, "preset": record.preset, **made}
            more = {"event_type": record.event_type, "dedupe": record.dedupe, "stage": stage}
            console.answer_json({**document, **more, "created_at": record.created_at})
        else:
            console.answer_secret(url, f"URL of the hook on stage {stage}; it is not shown again")
            if new.made_secret is not None:
                console.answer_secret(new.made_secret, "Signing secret; it is not shown again")
    console.say(*_next_steps(new, preset))


def _next_steps(new: NewHook, preset: Preset) -> list[str]:
    place = "the provider" if new.record.preset == "generic" else preset.title
    test = f"Then test it: {triggers_command('hooks test', '-')}"
    if new.made_secret is not None:
        return [f"Next: enter the URL and the secret at {place}.", test]
    if new.record.secret is not None or not needs_secret(preset):
        return [f"Next: enter the URL at {place}.", test]
    rotate = triggers_command("hooks rotate", new.record.id, "--secret", "-")
    return [
        "The hook has no signing secret yet: until it has one, it answers 503 and stores nothing.",
        f"Next: enter the URL at {place}, copy the signing secret that it shows, and set it: {rotate}",
    ]


def print_hooks(
    records: Sequence[HookRecord], damaged: Sequence[CorruptRecordError], now: str, *, as_json: bool
) -> None:
    """Print hooks in a list, and a warning for each that cannot be read.

    Args:
        records: The hooks.
        damaged: The errors of the hooks that cannot be read.
        now: The time to compare the expiry of an old secret with.
        as_json: Print one JSON document.
    """
    for error in damaged:
        console.say(f"warning: {error.message}")
    if as_json:
        shown = [hook_document(record, now) for record in records]
        console.answer_json({"hooks": shown, "damaged": [error.message for error in damaged]})
        return
    rows = [
        [
            record.id,
            record.prefix or "-",
            record.source,
            record.preset,
            record.event_type or "-",
            _short_time(record.created_at),
            _short_state(record, now),
        ]
        for record in records
    ]
    console.answer_table(_COLUMNS, rows)


def print_hook(record: HookRecord, now: str, *, as_json: bool) -> None:
    """Print a hook."""
    document = hook_document(record, now)
    if as_json:
        console.answer_json(document)
        return
    words = {None: "-", True: "yes", False: "no"}
    for name, value in document.items():
        text = json.dumps(value) if isinstance(value, dict) else words.get(value, str(value))
        console.answer(f"{name:<{_NAME_COLUMNS}} {text}")


def print_delivery(record: HookRecord, delivered: "Delivered", *, as_json: bool) -> None:
    """Print the event of a sample."""
    event = delivered.event
    if as_json:
        document = {
            "id": record.id,
            "event_id": event.event_id,
            "source": event.source,
            "event_type": event.event_type,
            "delivery_id": delivered.delivery_id,
            "milliseconds": delivered.milliseconds,
        }
        console.answer_json(document)
        return
    console.answer(
        f"Hook {record.id} works: 200 after {delivered.milliseconds} ms.",
        f"event       {event.event_id}",
        f"source      {event.source}",
        f"event_type  {event.event_type}",
    )
    delete = triggers_command("events delete", event.event_id)
    console.say(f"The event is not acknowledged: consumers receive it. To remove it: {delete}")


def hook_document(record: HookRecord, now: str) -> dict[str, Any]:
    """Return the values of a hook to show, by their names. `now`: the time."""
    return {
        "id": record.id,
        "source": record.source,
        "preset": record.preset,
        "scheme": None if record.scheme is None else json.loads(record.scheme),
        "event_type": record.event_type,
        "dedupe": record.dedupe,
        "prefix": record.prefix,
        "created_at": record.created_at,
        "revoked_at": record.revoked_at,
        "old_secret_expires_at": old_secret_end(record, now),
        "state": hook_state(record),
    }


def _short_state(record: HookRecord, now: str) -> str:
    end = old_secret_end(record, now)
    return hook_state(record) if end is None else f"old secret until {_short_time(end)}"


def _short_time(time: str | None) -> str:
    return "-" if time is None else f"{time[:10]} {time[11:16]}"
