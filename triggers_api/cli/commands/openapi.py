"""`triggers openapi`: print the API's OpenAPI document for other tools."""

import json

import typer


def openapi() -> None:
    """Print the OpenAPI document of the service.

    The service serves it at /openapi.json. Example: triggers openapi > openapi.json
    """
    from triggers_api.api.factory import V1_ROUTES
    from triggers_api.api.openapi import build_document

    typer.echo(json.dumps(build_document(V1_ROUTES), indent=2))
