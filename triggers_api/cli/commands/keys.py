"""`triggers keys`: make, list, show, revoke and rotate API keys."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggers_api.cli import config
from triggers_api.cli.context import CommandContext, announce_key_store
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console
from triggers_api.cli.output.keys import day, deliver, described, plain, short
from triggers_api.errors import KeyNotFoundError, StoreUnavailableError

if TYPE_CHECKING:
    from triggers_api.ops.keys.operations import Keys

app = typer.Typer(
    help="Make, list, show, revoke and rotate API keys. Example: triggers keys list --stage prod",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_WIDE = 100

KeyOrId = Annotated[
    str,
    typer.Argument(
        metavar="KEY_OR_ID", help="An id, as `triggers keys list` shows it, a key, or - for a key on stdin."
    ),
]
ExpiresIn = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How long it works: 90d, 24h, 30m.", show_default=False)
]


@app.command()
@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def create(
    context: CommandContext,
    name: Annotated[
        str | None, typer.Option(help="What it is for, in your words.", show_default=False)
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Bind it to this source: it sees and touches no other's events.", show_default=False
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="A key of your own, 16 to 128 of A-Z a-z 0-9 _ -. Others on this machine can read it in the "
            "process list: give - and write it to stdin instead.",
            show_default=False,
        ),
    ] = None,
    expires_in: ExpiresIn = None,
) -> None:
    """Make a key, and show it this once.

    Example: KEY=$(triggers keys create --stage local --name ci)
    """
    from triggers_api.ops.keys.operations import check_new, seconds_of

    target = context.target
    lifetime = None if expires_in is None else seconds_of(expires_in)
    own_key = None if api_key is None else _given(api_key)
    check_new(name=name, source=source, own_key=own_key, expires_in=lifetime)
    with _changing(context, "Make an API key") as keys:
        new = keys.create(name=name, source=source, own_key=own_key, expires_in=lifetime)
    deliver(new, target, as_json=context.as_json)


@app.command("list")
@stage_options(local=True, stack_name=False)
def list_keys(
    context: CommandContext,
    everything: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    source: Annotated[
        str | None, typer.Option(help="Those bound to this source.", show_default=False)
    ] = None,
) -> None:
    """List the keys of a stage; never a key itself.

    Example: triggers keys list --stage prod --all
    """
    from triggers_api.ops.keys.operations import state_of
    from triggers_api.ops.keys.stores import opened

    target = context.target
    with opened(target) as keys:
        records, damaged = keys.list(everything=everything, source=source)
        now = keys.now
    for error in damaged:
        console.say(f"warning: {error.message}")
    if context.as_json:
        shown = [described(record, state_of(record, now)) for record in records]
        console.answer_json({"keys": shown, "damaged": [error.message for error in damaged]})
        return
    if not records:
        console.say(
            f"There are no keys on stage {target.stage.value}." if everything else "There are no active keys."
        )
    columns = ("ID", "NAME", "SOURCE", "PREFIX", "CREATED", "EXPIRES", "STATE")
    # In 80 columns a key fits with the day alone; `keys show` tells the minute.
    when = day if 0 < console.terminal_width(sys.stdout) < _WIDE else short
    rows = [
        (
            record.id,
            record.name or "-",
            record.source or "-",
            record.prefix or "-",
            when(record.created_at),
            when(record.expires_at),
            state_of(record, now),
        )
        for record in records
    ]
    console.answer_table(columns, rows)


@app.command()
@stage_options(local=True, stack_name=False)
def show(
    context: CommandContext,
    key_or_id: KeyOrId,
) -> None:
    """Show a key's record, and whether it would be let in now.

    Example: triggers keys show 3f9a1c0b77de
    """
    from triggers_api.ops.keys.stores import lookup_command, opened

    target = context.target
    with opened(target) as keys:
        named = _given(key_or_id)
        with _names_told(keys, named):
            shown = keys.show(named)
        called = () if shown.record or shown.admitted else _ids_of_name(keys, named)
    state = f"a name: give the id, {' or '.join(called)}" if called else shown.verdict
    fields: dict[str, Any] = {"let_in": shown.admitted, "state": state}
    if shown.record is not None:
        fields = {**described(shown.record, shown.verdict), "let_in": shown.admitted}
        fields["record"] = lookup_command(target, shown.record)
    if context.as_json:
        console.answer_json(fields)
    else:
        for name, value in fields.items():
            console.answer(f"{name:<11} {console.printable(plain(value))}")
    if shown.record is None and not shown.admitted:
        sys.exit(1)


@app.command()
@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def revoke(
    context: CommandContext,
    key_or_id: KeyOrId,
) -> None:
    """Shut a key out, for good. Its record stays; a second time changes nothing.

    Example: triggers keys revoke 3f9a1c0b77de
    """
    from triggers_api.ops.keys.operations import REFUSED_WITHIN_SECONDS

    named = _given(key_or_id)
    what = f"Revoke the key {_shown(named)}"
    with _changing(context, what) as keys, _names_told(keys, named):
        record = keys.revoke(named)
    if context.as_json:
        console.answer_json(
            {**described(record, "revoked"), "refused_within_seconds": REFUSED_WITHIN_SECONDS}
        )
        return
    console.answer(f"The key {record.id} is revoked since {record.revoked_at}.")
    console.say(
        f"Every running process refuses it within {REFUSED_WITHIN_SECONDS} seconds "
        "(or what AUTH_CACHE_SECONDS of the service says)."
    )


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
    """Make a new key in a key's place, and let the old expire.

    The new one has its name and source. Example: triggers keys rotate 3f9a1c0b77de --overlap 48h
    """
    from triggers_api.ops.keys.operations import seconds_of

    target = context.target
    seconds, lifetime = seconds_of(overlap), None if expires_in is None else seconds_of(expires_in)
    named = _given(key_or_id)
    what = f"Rotate the key {_shown(named)}"
    with _changing(context, what) as keys, _names_told(keys, named):
        new, old = keys.rotate(named, overlap=seconds, expires_in=lifetime)
    console.say(f"The old key {old.id} works until {old.expires_at}.")
    deliver(new, target, as_json=context.as_json, replaces={"id": old.id, "expires_at": old.expires_at})


@contextmanager
def _changing(context: CommandContext, action: str) -> Iterator["Keys"]:
    """Print what is about to change, ask for confirmation if it is production, and open the keys."""
    from triggers_api.ops.keys.stores import opened

    target = context.target
    is_production = target.stage.value == config.DEFAULT_STAGE
    if is_production:
        # Before AWS is asked for the account: it ends here unless --yes is given or a question can be asked.
        console.check_can_confirm(yes=context.yes, no_input=context.no_input)
    announce_key_store(target, action)
    if is_production:
        console.confirm(f"{action} for production?", yes=context.yes, no_input=context.no_input)
    with opened(target) as keys:
        yield keys


@contextmanager
def _names_told(keys: "Keys", named: str) -> Iterator[None]:
    """Where there is no such key, but one that is called so, say its id."""
    try:
        yield
    except KeyNotFoundError as error:
        if not (ids := _ids_of_name(keys, named)):
            raise
        raise KeyNotFoundError(
            "A key is named by its id, or by itself.",
            reason="what was given is a name, and several may have it",
            hint=f"Give the id instead: {' or '.join(ids)}.",
        ) from error


def _ids_of_name(keys: "Keys", name: str) -> tuple[str, ...]:
    """Return the ids of the keys that are called so; none where they cannot be listed: it only helps."""
    try:
        return keys.ids_of_name(name)
    except StoreUnavailableError:
        return ()


def _given(text: str) -> str:
    """Return what was given on the command line, or on stdin for a dash."""
    return console.read_secret("Key") if text == "-" else text


def _shown(named: str) -> str:
    """Name a key without showing one."""
    from triggers_api.ops.keys.operations import is_id

    return named if is_id(named) else "that was given"
