"""`triggers keys`: create, list, show, revoke and rotate API keys."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console, questions

if TYPE_CHECKING:
    from triggers_api.ops.keys.operations import Keys

app = typer.Typer(
    help="Create, list, show, revoke and rotate API keys. Example: triggers keys list --stage prod",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

KeyOrId = Annotated[
    str,
    typer.Argument(
        metavar="KEY_OR_ID",
        help="An id from `triggers keys list`, a key, or - to read a key from stdin.",
    ),
]
ExpiresIn = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="The lifetime of the key: 90d, 24h, 30m.", show_default=False),
]


@app.command()
@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def create(
    context: CommandContext,
    name: Annotated[str | None, typer.Option(help="What the key is for.", show_default=False)] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Limit the key to the events of this source.", show_default=False),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What the key may do: ingest, consume or manage. Repeatable. Default: ingest and consume.",
            show_default=False,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Your own key, 16 to 128 of A-Z a-z 0-9 _ -. Other users of this machine can read it in the "
            "process list: give - and write it to stdin instead.",
            show_default=False,
        ),
    ] = None,
    expires_in: ExpiresIn = None,
) -> None:
    """Create an API key. It is shown only once.

    Example: KEY=$(triggers keys create --stage local --name ci)
    """
    from triggers_api.cli.output.keys import print_new_key
    from triggers_api.ops.durations import parse_duration
    from triggers_api.ops.keys.new_key import check_new_key

    lifetime = None if expires_in is None else parse_duration(expires_in)
    own_key = None if api_key is None else _argument_or_stdin(api_key)
    scopes = scope or []
    check_new_key(name=name, source=source, scopes=scopes, own_key=own_key, expires_in=lifetime)
    with _keys_to_change(context, "Create an API key") as keys:
        new = keys.create(name=name, source=source, scopes=scopes, own_key=own_key, expires_in=lifetime)
    print_new_key(new, context.target, as_json=context.as_json)


@app.command("list")
@stage_options(local=True, stack_name=False)
def list_keys(
    context: CommandContext,
    everything: Annotated[bool, typer.Option("--all", help="Include revoked and expired keys.")] = False,
    source: Annotated[
        str | None, typer.Option(help="Only keys that are limited to this source.", show_default=False)
    ] = None,
) -> None:
    """List the keys of a stage. The keys themselves are never shown.

    Example: triggers keys list --stage prod --all
    """
    from triggers_api.cli.output.keys import print_keys
    from triggers_api.ops.keys.stores import open_keys

    with open_keys(context.target) as keys:
        records, damaged = keys.list(everything=everything, source=source)
        now = keys.now
    if not (records or context.as_json):
        stage = context.target.stage.value
        console.say(f"There are no keys on stage {stage}." if everything else "There are no active keys.")
    print_keys(records, damaged, now, as_json=context.as_json)


@app.command()
@stage_options(local=True, stack_name=False)
def show(context: CommandContext, key_or_id: KeyOrId) -> None:
    """Show a key's record and whether it is currently valid.

    Example: triggers keys show 3f9a1c0b77de
    """
    from triggers_api.cli.output.keys import print_key_status
    from triggers_api.ops.keys.stores import lookup_command, open_keys

    with open_keys(context.target) as keys:
        reference = _argument_or_stdin(key_or_id)
        with keys.suggest_ids(reference):
            status = keys.show(reference)
    command = None if status.record is None else lookup_command(context.target, status.record)
    print_key_status(status, command, as_json=context.as_json)
    if status.record is None and not status.is_valid:
        sys.exit(1)


@app.command()
@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def revoke(context: CommandContext, key_or_id: KeyOrId) -> None:
    """Permanently revoke a key. The record is kept; revoking it again has no effect.

    Example: triggers keys revoke 3f9a1c0b77de
    """
    from triggers_api.cli.output.keys import print_revocation

    reference = _argument_or_stdin(key_or_id)
    with (
        _keys_to_change(context, f"Revoke {_key_label(reference)}") as keys,
        keys.suggest_ids(reference),
    ):
        record = keys.revoke(reference)
    print_revocation(record, as_json=context.as_json)


@app.command()
@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def rotate(
    context: CommandContext,
    key_or_id: KeyOrId,
    overlap: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the old key still works.")
    ] = "24h",
    expires_in: ExpiresIn = None,
) -> None:
    """Replace a key with a new one, and let the old one expire.

    The new key has the name, the source and the scopes of the old one.
    Example: triggers keys rotate 3f9a1c0b77de --overlap 48h
    """
    from triggers_api.cli.output.keys import print_new_key
    from triggers_api.ops.durations import parse_duration

    overlap_seconds = parse_duration(overlap)
    lifetime = None if expires_in is None else parse_duration(expires_in)
    reference = _argument_or_stdin(key_or_id)
    with (
        _keys_to_change(context, f"Rotate {_key_label(reference)}") as keys,
        keys.suggest_ids(reference),
    ):
        new, old = keys.rotate(reference, overlap=overlap_seconds, expires_in=lifetime)
    print_new_key(new, context.target, as_json=context.as_json, replaced=old, overlap=overlap_seconds)


@contextmanager
def _keys_to_change(context: CommandContext, action: str) -> Iterator["Keys"]:
    """Announce a change, ask for confirmation if it needs one, and open the keys."""
    from triggers_api.ops.keys.stores import open_keys

    begin_change(context, action, table=context.target.keys_table)
    confirm_change(context, action)
    with open_keys(context.target) as keys:
        yield keys


def _argument_or_stdin(argument: str) -> str:
    return questions.read_secret("Key") if argument == "-" else argument


def _key_label(reference: str) -> str:
    """Return a description that does not reveal a key."""
    from triggers_api.ops.keys.references import is_key_id

    return f"key {reference}" if is_key_id(reference) else "the given key"
