"""`triggers dev`: the whole service on this machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

from triggers_api.cli import config
from triggers_api.core.keys import LOCAL_KEY


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
            metavar="URL", help="Keep the data in this DynamoDB instead; its tables are made if missing."
        ),
    ] = None,
) -> None:
    """Run the API on this machine, with a durable store and nothing else to install.

    Example: triggers dev --port 9000 --data-dir ./inbox
    """
    from triggers_api.ops.dev import DevOptions, prepare  # noqa: PLC0415

    server = prepare(DevOptions(host, port, data_dir, dynamodb_endpoint), config.environment())
    os.environ.clear()
    os.environ.update(server.environment)

    import uvicorn  # noqa: PLC0415

    from triggers_api.main import app  # noqa: PLC0415 - reads the environment that was just set

    typer.echo(_banner(server.url, server.data))
    if host not in {"127.0.0.1", "::1", "localhost"}:
        typer.echo(
            f"Notice: {host} can be reached from other machines, and the key above is well known.", err=True
        )
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(settings).run(sockets=[server.listener])


def _banner(url: str, data: str) -> str:
    request = (
        f"curl -X POST {url}/v1/events -H 'Content-Type: application/json' -H 'X-API-Key: {LOCAL_KEY}'"
        """ -d '{"source": "test", "event_type": "test.created", "payload": {"hello": "world"}}'"""
    )
    return (
        f"Triggers API listens on {url} (Ctrl-C ends it)\n"
        f"  data  {data}\n"
        f"  key   {LOCAL_KEY}\n"
        f"  docs  {url}/docs\n"
        f"  try   {request}"
    )
