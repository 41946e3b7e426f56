"""How the `triggers keys` commands show keys. The digest of a key is never shown whole, except by `show`."""

import sys
from collections.abc import Sequence
from typing import Any

from triggers_api.cli.output import console
from triggers_api.core.access import DEFAULT_SCOPES, Scope, scopes_of
from triggers_api.core.keys import KeyRecord
from triggers_api.errors import CorruptRecordError, LocalEnvironmentError
from triggers_api.ops.keys.new_key import NewKey
from triggers_api.ops.keys.operations import (
    REFUSED_WITHIN_SECONDS,
    KeyStatus,
    key_state,
)
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target

_WIDE, _NARROW = 130, 100
"""Terminals with fewer columns show short scopes and days, and no creation: a key fits in 80 columns."""
_NAME_COLUMNS = 11
_BOUND = (
    f"within {REFUSED_WITHIN_SECONDS} seconds, or within the service's AUTH_CACHE_SECONDS if that is set."
)


def print_new_key(
    new: NewKey, target: Target, *, as_json: bool, replaced: KeyRecord | None = None, overlap: int = 0
) -> None:
    """Print a new key, the only time that this is possible.

    Args:
        new: The key.
        target: The stage that it is for.
        as_json: Print one JSON document.
        replaced: The record of the old key if this is a rotation.
        overlap: The seconds until the old key expires.

    Raises:
        LocalEnvironmentError: The key cannot be printed.
    """
    record, stage = new.record, target.stage.value
    if replaced is not None:
        console.say(f"The old key {replaced.id} expires at {replaced.expires_at}.")
        console.say(f"Every running process applies that {_BOUND}")
    source = f"bound to source {record.source}" if record.source else "for all sources"
    scopes = " ".join(scopes_of(record))
    expiry = record.expires_at or "never"
    console.say(f"The key's id is {record.id}; {source}; scopes: {scopes}; expires: {expiry}.")
    lost = LocalEnvironmentError(
        f"Key {record.id} was created, but could not be shown.",
        reason="the output cannot be written",
        hint=f"Create another, and revoke this one: {triggers_command('keys revoke', record.id)}",
    )
    with console.must_deliver(lost):
        if as_json:
            document = _new_key_document(new, stage)
            if replaced is not None:
                document["replaces"] = {
                    "id": replaced.id,
                    "expires_at": replaced.expires_at,
                    "refused_within_seconds": max(overlap, REFUSED_WITHIN_SECONDS),
                }
            console.answer_json(document)
        else:
            console.answer_secret(new.key, f"API key for stage {stage}; it is not shown again")


def _new_key_document(new: NewKey, stage: str) -> dict[str, Any]:
    record = new.record
    return {
        "api_key": new.key,
        "id": record.id,
        "name": record.name,
        "source": record.source,
        "scopes": scopes_of(record),
        "stage": stage,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }


def print_keys(
    records: Sequence[KeyRecord], damaged: Sequence[CorruptRecordError], now: str, *, as_json: bool
) -> None:
    """Print keys in a list, and a warning for each record that cannot be read.

    Args:
        records: The keys.
        damaged: The errors of the records that cannot be read.
        now: The time to compare expiries with.
        as_json: Print one JSON document.
    """
    for error in damaged:
        console.say(f"warning: {error.message}")
    if as_json:
        shown = [_record_document(record, key_state(record, now)) for record in records]
        console.answer_json({"keys": shown, "damaged": [error.message for error in damaged]})
        return
    width = console.terminal_width(sys.stdout)
    is_short = 0 < width < _WIDE
    rows = [
        {
            "ID": record.id,
            "NAME": record.name or "-",
            "SOURCE": record.source or "-",
            "SCOPES": _short_scopes(record) if is_short else " ".join(scopes_of(record)) or "-",
            "PREFIX": record.prefix or "-",
            "CREATED": _short_time(record.created_at, day_only=is_short),
            "EXPIRES": _short_time(record.expires_at, day_only=is_short),
            "STATE": key_state(record, now),
        }
        for record in records
    ]
    columns = ["ID", "NAME", "SOURCE", "SCOPES", "PREFIX", "CREATED", "EXPIRES", "STATE"]
    if 0 < width < _NARROW:
        columns.remove("CREATED")
    console.answer_table(columns, [[row[column] for column in columns] for row in rows])


def print_key_status(status: KeyStatus, lookup_command: str | None, *, as_json: bool) -> None:
    """Print the status of a key.

    Args:
        status: The status.
        lookup_command: A command that prints the stored record; None without a record.
        as_json: Print one JSON document.
    """
    fields: dict[str, Any] = {"let_in": status.is_valid, "state": status.verdict}
    if status.record is not None:
        fields = {**_record_document(status.record, status.verdict), "let_in": status.is_valid}
        fields["record"] = lookup_command
    if status.may_be_cached:
        console.say(f"This changed a moment ago. Every running process refuses the key {_BOUND}")
    if as_json:
        within = REFUSED_WITHIN_SECONDS if status.may_be_cached else None
        console.answer_json({**fields, "refused_within_seconds": within})
        return
    words = {None: "-", True: "yes", False: "no"}
    for name, value in fields.items():
        text = " ".join(value) if isinstance(value, list) else words.get(value, str(value))
        console.answer(f"{name:<{_NAME_COLUMNS}} {text}")


def print_revocation(record: KeyRecord, *, as_json: bool) -> None:
    """Print that a key is revoked, and when the service stops accepting it."""
    if as_json:
        document = _record_document(record, "revoked")
        console.answer_json({**document, "refused_within_seconds": REFUSED_WITHIN_SECONDS})
        return
    console.answer(f"Key {record.id} is revoked since {record.revoked_at}.")
    console.say(f"Every running process refuses it {_BOUND}")


def _record_document(record: KeyRecord, state: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "source": record.source,
        "scopes": scopes_of(record),
        "prefix": record.prefix,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
        "state": state,
    }


def _short_scopes(record: KeyRecord) -> str:
    scopes = scopes_of(record)
    words: dict[frozenset[str], str] = {DEFAULT_SCOPES: "default", frozenset(Scope): "all"}
    return words.get(frozenset(scopes), " ".join(scopes) or "-")


def _short_time(time: str | None, *, day_only: bool) -> str:
    if time is None:
        return "-"
    return time[:10] if day_only else f"{time[:10]} {time[11:16]}"
