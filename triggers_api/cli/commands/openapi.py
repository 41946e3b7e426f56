"""`triggers openapi`: print the API's OpenAPI document for other tools."""

from typing import Annotated

import typer

from triggers_api.cli.output import console


def openapi(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The URL of the API: the server in the document."),
    ] = None,
) -> None:
    """Print the OpenAPI document of the service.

    Example: triggers openapi --url http://127.0.0.1:8000 > openapi.json

    The service serves it at /openapi.json, with a server relative to that address. A file needs --url.
    """
    from triggers_api.api.factory import V1_ROUTES
    from triggers_api.api.openapi import build_document
    from triggers_api.ops.urls import base_url

    server = {} if url is None else {"server_url": base_url(url)}
    console.answer_json(build_document(V1_ROUTES, **server))
