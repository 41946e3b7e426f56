"""How the `keys` commands show what they found or made."""

from typing import TYPE_CHECKING, Any

from triggers_api.cli.output import console
from triggers_api.errors import LocalEnvironmentError
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.core.keys import KeyRecord
    from triggers_api.ops.keys.operations import NewKey


def _of_new(new: "NewKey", target: Target) -> dict[str, Any]:
    record = new.record
    return {
        "api_key": new.key,
        "id": record.id,
        "name": record.name,
        "source": record.source,
        "stage": target.stage.value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }


def deliver(new: "NewKey", target: Target, *, as_json: bool, **more: Any) -> None:
    """Show a new key, the one time that it can be shown."""
    record, stage = new.record, target.stage.value
    bound = f"bound to source {record.source}" if record.source else "for every source"
    console.say(f"The key's id is {record.id}; {bound}; expires: {record.expires_at or 'never'}.")
    lost = LocalEnvironmentError(
        f"The key {record.id} was made, but could not be shown.",
        reason="the output cannot be written",
        hint=f"Revoke it, and make another: triggers keys revoke {record.id}",
    )
    with console.must_deliver(lost):
        if as_json:
            console.answer_json({**_of_new(new, target), **more})
        else:
            console.answer_secret(new.key, f"API key for stage {stage}; it is not shown again")


def described(record: "KeyRecord", state: str) -> dict[str, Any]:
    """Return what is shown of a key: never the key, never the whole digest."""
    return {
        "id": record.id,
        "name": record.name,
        "source": record.source,
        "prefix": record.prefix,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
        "state": state,
    }


def day(time: str | None) -> str:
    """Return a time's day, for a narrow table."""
    return "-" if time is None else time[:10]


def short(time: str | None) -> str:
    """Return a time to the minute, for a table."""
    return "-" if time is None else f"{time[:10]} {time[11:16]}"


def plain(value: Any) -> str:
    """Return a value of a JSON document in words."""
    return {None: "-", True: "yes", False: "no"}.get(value, str(value))
