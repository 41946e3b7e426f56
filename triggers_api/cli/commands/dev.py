"""`triggers dev`: run the whole service on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.output import console

if TYPE_CHECKING:
    from triggers_api.ops.dev import DevServer


def dev(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the data. Default: TRIGGERS_DATA_DIR, else this user's data folder.",
            show_default=False,
        ),
    ] = None,
    dynamodb_endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Keep the data in this DynamoDB instead; missing tables are created."
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Also answer to this host name, such as a container's or a tunnel's. Repeatable.",
            show_default=False,
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Let the web pages of this origin call the API too; * is every origin. Repeatable.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the API on this machine, with a durable store.

    Example: triggers dev --port 9000 --data-dir ./inbox
    """
    from triggers_api.ops.dev import DevOptions, prepare

    options = DevOptions(
        host=host,
        port=port,
        data_dir=data_dir,
        dynamodb_endpoint=dynamodb_endpoint,
        allowed_hosts=tuple(allowed_host or ()),
        cors_origins=tuple(cors_origin or ()),
    )
    server = prepare(options, config.environment())

    from triggers_api.api import logs
    from triggers_api.api.dev_server import serve
    from triggers_api.api.docs import installed_assets
    from triggers_api.api.factory import build_app
    from triggers_api.api.workers import tune_interpreter

    logs.configure(server.settings.log_level, in_lambda=False)
    app = build_app(server.settings, docs_assets=installed_assets(), access=server.access, compress=True)
    console.answer(*_banner(server))
    if host not in {"127.0.0.1", "::1", "localhost"}:
        who = (
            "anyone there can read and delete events with the published key"
            if server.key
            else "anyone with an API key can use it"
        )
        console.say(f"Notice: {host} is reachable from other machines; {who}.")
    tune_interpreter()
    serve(app, server.listener, server.access)


def _banner(server: "DevServer") -> list[str]:
    key = server.key or "YOUR-KEY"
    request = (
        f"curl -X POST {server.url}/v1/events -H 'Content-Type: application/json' -H 'X-API-Key: {key}'"
        """ -d '{"source": "test", "event_type": "test.created", "payload": {"hello": "world"}}'"""
    )
    return [
        f"Triggers API listens on {server.url} (Ctrl-C stops it)",
        f"  data  {server.data}",
        f"  key   {server.key or 'any key of the table (AUTH_MODE is aws)'}",
        f"  docs  {server.url}/docs",
        f"  try   {request}",
    ]
