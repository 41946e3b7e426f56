"""`triggers listen`: forward the events of an inbox to a handler."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext, ca_bundles
from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.cli.interrupts import LISTEN_LEFTOVERS, handle_interrupts
from triggers_api.cli.options import SinceOption, SourceOption, stage_options
from triggers_api.cli.output import console
from triggers_api.errors import ChecksFailedError, ConfigurationError
from triggers_api.ops.shell_commands import forget_stage, triggers_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triggers_api.core.paging import Filter
    from triggers_api.ops.listen.inboxes import EventInbox
    from triggers_api.ops.listen.options import ListenOptions


@stage_options(local=True, yes=True, no_input=True)
def listen(
    context: CommandContext,
    forward_to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The URL of your handler.", show_default=False),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Read the API at this URL, with TRIGGERS_API_KEY, instead of a stage with AWS credentials.",
            show_default=False,
        ),
    ] = None,
    ack: Annotated[
        bool | None,
        typer.Option(
            "--ack/--no-ack",
            help="Lease events, and acknowledge those that the handler answers with 2xx. "
            "Default: only with --stage local.",
            show_default=False,
        ),
    ] = None,
    source: SourceOption = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            "--event-type",
            metavar="TYPE",
            help="Only events of this type. Repeatable.",
            show_default=False,
        ),
    ] = None,
    since: SinceOption = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: VALUE'", help="Add a header to each request. Repeatable.", show_default=False
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="How many events to forward at the same time.")
    ] = 1,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the handler may take for an event.")
    ] = "30s",
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Forward what is there now, then stop. Exits with 6 if an event was not accepted."
        ),
    ] = False,
    print_secret: Annotated[
        bool, typer.Option("--print-secret", help="Print the secret that signs the requests, and stop.")
    ] = False,
) -> None:
    """Forward events to the URL of your handler.

    Each event is a signed POST with the payload as its body. Events stay in the inbox unless --ack
    acknowledges them. With --json, prints one JSON object per line.
    Example: triggers listen --stage local --forward-to http://localhost:3000/webhook
    """
    from triggers_api.ops.listen.options import (
        ListenOptions,
        check_forward_url,
        parse_headers,
        parse_timeout,
    )

    if print_secret:
        _print_secret(as_json=context.as_json)
        return
    if forward_to is None:
        raise ConfigurationError(
            "--forward-to is missing.", hint="Give the URL of your handler: http://localhost:3000/webhook"
        )
    if url is not None and context.target.stage.origin == "--stage":
        raise ConfigurationError("--url and --stage exclude each other.", hint="Give one of them.")
    is_local = context.target.is_local and url is None
    acknowledge = is_local if ack is None else ack
    if acknowledge and since is not None:
        raise ConfigurationError(
            "--since does not work with --ack.",
            reason="a receive cannot leave out old events",
            hint="Add --no-ack, or leave out --since.",
        )
    wanted = _parse_filter(source, event_type or (), since)
    options = ListenOptions(
        forward_to=check_forward_url(forward_to),
        acknowledge=acknowledge,
        event_types=wanted.event_types,
        headers=parse_headers(header or ()),
        concurrency=concurrency,
        timeout=parse_timeout(timeout),
        once=once,
        longest_pause=1 if is_local else 10,
    )
    if url is None:
        _listen_to_stage(context, wanted, options)
    else:
        _listen_to_api(url, wanted, options, as_json=context.as_json)


def _listen_to_stage(context: CommandContext, wanted: "Filter", options: "ListenOptions") -> None:
    from triggers_api.ops.listen.open_inbox import open_store_inbox

    target = context.target
    if options.acknowledge:
        begin_change(context, "Acknowledge events", table=target.events_table)
        confirm_change(context, "Acknowledge events")
    trusted = ca_bundles(target, uses_aws=True)
    with open_store_inbox(
        target, wanted, acknowledge=options.acknowledge, environment=config.environment()
    ) as inbox:
        _run(inbox, options, trusted, f"stage {target.stage.value}", as_json=context.as_json)


def _listen_to_api(url: str, wanted: "Filter", options: "ListenOptions", *, as_json: bool) -> None:
    from triggers_api.ops.listen.http_inbox import HttpInbox
    from triggers_api.ops.urls import base_url, is_in_clear

    # The URL may be that of another stage, so printed commands leave the stage to the operator.
    forget_stage()
    base = base_url(url)
    key = config.api_key(None)
    if key is None:
        raise ConfigurationError(
            "--url needs an API key.",
            reason="TRIGGERS_API_KEY is not set",
            hint=f"Set it to a key with the scope consume. `{triggers_command('keys create')}` creates one.",
        )
    if is_in_clear(base):
        console.say("warning: http:// sends the key unencrypted: anyone on the network path can read it.")
    trusted = config.ca_bundles()
    inbox = HttpInbox(base, key.value, wanted, ca_bundles=trusted)
    _run(inbox, options, trusted, base, as_json=as_json)


def _run(
    inbox: "EventInbox", options: "ListenOptions", trusted: tuple[str, ...], name: str, *, as_json: bool
) -> None:
    """Forward events until the run ends. Exit with 6 if an event was not accepted."""
    from triggers_api.cli.output.listen import RunWriter, Subject, print_summary
    from triggers_api.ops.listen.forwarder import Forwarder
    from triggers_api.ops.listen.listener import Listener
    from triggers_api.ops.listen.options import shown_url
    from triggers_api.ops.listen.signatures import Signer

    forwarder = Forwarder(options, Signer(_secret()), ca_bundles=trusted)
    shown = shown_url(options.forward_to)
    write = RunWriter(Subject(name, shown, options.acknowledge), as_json=as_json)
    listener = Listener(inbox, forwarder, options, report=write)
    try:
        with handle_interrupts(LISTEN_LEFTOVERS, stop=listener.stop):
            summary = listener.execute()
    except SystemExit:  # the second Ctrl-C: do not wait for a thread of the store that hangs
        os._exit(INTERRUPTED)
    print_summary(summary, shown)
    if summary.failed or summary.problem:
        sys.exit(EXIT_CODE[ChecksFailedError.kind])


def _parse_filter(source: str | None, event_types: "Sequence[str]", since: str | None) -> "Filter":
    from triggers_api.core.events import PENDING
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.filters import parse_filter

    return parse_filter(
        status=PENDING,
        source=source,
        event_types=event_types,
        since=since,
        until=None,
        clock=system_clock,
    )


def _secret() -> str:
    """Return the secret of the variable, or else of this machine."""
    from triggers_api.ops.listen.signatures import check_secret, read_secret

    given = config.webhook_secret()
    return read_secret(config.user_data_folder()) if given is None else check_secret(given)


def _print_secret(*, as_json: bool) -> None:
    if as_json:
        console.answer_json({"secret": _secret()})
    else:
        console.answer(_secret())
