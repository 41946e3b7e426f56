"""How `triggers hooks rotate` and `triggers hooks revoke` show what they do."""

from triggers_api.cli.output import console
from triggers_api.cli.output.hooks import hook_document
from triggers_api.core.hooks.records import HookRecord
from triggers_api.errors import LocalEnvironmentError
from triggers_api.ops.hooks.operations import Rotation
from triggers_api.ops.hooks.states import CACHED_SECONDS, old_secret_end
from triggers_api.ops.shell_commands import triggers_command

_BOUND = f"within {CACHED_SECONDS} seconds, or within the service's AUTH_CACHE_SECONDS if that is set."


def warn_of_two_secrets(record: HookRecord, end: str, *, overlap: str | None) -> None:
    """Print that a hook has two valid secrets, and which ones a rotation leaves.

    Args:
        record: The hook before the rotation.
        end: Until when it accepts the older secret.
        overlap: How long the latest secret is still accepted, as the operator gave it. None: not at all.
    """
    kept = "the new one" if overlap is None else f"the new one, and for {overlap} the latest one"
    console.say(
        f"warning: Hook {record.id} accepts two secrets: the latest one, and the one before it until {end}.",
        f"The rotation ends the older one now. Accepted from then on: {kept}.",
    )


def print_rotation(rotation: Rotation, now: str, *, as_json: bool) -> None:
    """Print that a hook has a new secret, and the secret if it was generated.

    Args:
        rotation: The hook, and its secret.
        now: The time to compare the expiry of the old secret with.
        as_json: Print one JSON document.

    Raises:
        LocalEnvironmentError: The secret cannot be printed.
    """
    record = rotation.record
    if not rotation.had_secret:
        console.say(f"Hook {record.id} has a secret now, and accepts deliveries.")
    elif end := old_secret_end(record, now):
        console.say(f"Hook {record.id} accepts its old secret until {end}.")
    else:
        console.say(f"Every running process refuses the old secret of hook {record.id} {_BOUND}")
    lost = LocalEnvironmentError(
        f"Hook {record.id} has a new secret, but it could not be shown.",
        reason="the output cannot be written",
        hint=f"Rotate the secret again: {triggers_command('hooks rotate', record.id)}",
    )
    with console.must_deliver(lost):
        if as_json:
            made = {} if rotation.made_secret is None else {"secret": rotation.made_secret}
            console.answer_json({**hook_document(record, now), **made})
        elif rotation.made_secret is not None:
            console.answer_secret(rotation.made_secret, "New signing secret; it is not shown again")
    if rotation.made_secret is not None:
        console.say("Next: enter the new secret at the provider.")


def print_revocation(hook_id: str, *, as_json: bool) -> None:
    """Print that a hook is revoked, and when the service refuses its deliveries. `hook_id`: the short id."""
    if as_json:
        document = {"id": hook_id, "state": "revoked", "refused_within_seconds": CACHED_SECONDS}
        console.answer_json(document)
        return
    console.answer(f"Hook {hook_id} is revoked, and its secrets are deleted.")
    console.say(f"Every running process answers 404 to its deliveries {_BOUND}")
