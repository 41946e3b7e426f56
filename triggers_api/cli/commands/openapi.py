"""`triggers openapi`: the contract, as a document for other tools."""

import json

import typer


def openapi() -> None:
    """Print the OpenAPI document of the service.

    It serves the same at /openapi.json. Example: triggers openapi > openapi.json
    """
    from triggers_api.api.openapi import document  # Pydantic, where it is needed

    typer.echo(json.dumps(document(), indent=2))
