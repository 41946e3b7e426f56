"""The OpenAPI document and Swagger UI. All addresses are relative, so they work under any stage prefix."""

import importlib.util
import json
from pathlib import Path

from fastapi import APIRouter, Request, Response

from triggers_api.errors import NotFoundError

_CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.32.6"
# A browser refuses a file of the CDN unless it has this hash. tests/e2e/test_docs_integrity.py compares the
# hashes with the files of that version on npm, which the CDN serves.
_SCRIPT_HASH = "sha384-EYdOaiRwn44zNjrw+Tfs06qYz9BGQVo2f4/pLY5i7VorbjnZNhdplAbTBk8FXHUJ"
_STYLE_HASH = "sha384-9Q2fpS+xeS4ffJy6CagnwoUl+4ldAYhOs9pgZuEKxypVModhmZFzeMlvVsAjf7uT"

_HEAD_OF_CDN = f"""\
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{_CDN}/swagger-ui.css" integrity="{_STYLE_HASH}" crossorigin="anonymous">
<script src="{_CDN}/swagger-ui-bundle.js" integrity="{_SCRIPT_HASH}" crossorigin="anonymous"></script>"""
_HEAD_OF_ASSETS = """\
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js"></script>"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Triggers API</title>
%s
</head>
<body>
<div id="swagger-ui"></div>
<script>
SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, showExtensions: true})
</script>
</body>
</html>
"""
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def installed_assets() -> Path | None:
    """Return the folder with Swagger UI; None in the Lambda, whose artifact does not contain it."""
    package = importlib.util.find_spec("fastapi_offline")
    return Path(package.origin).parent / "static" if package and package.origin else None


def docs_router(assets: Path | None) -> APIRouter:
    """Return the endpoints of the documentation. They are not part of the contract.

    Args:
        assets: A folder with Swagger UI. If it is None, the page loads Swagger UI from its CDN.
    """
    router = APIRouter(include_in_schema=False)
    page = _PAGE % (_HEAD_OF_ASSETS if assets else _HEAD_OF_CDN)

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        return Response(json.dumps(request.app.openapi()), media_type="application/json")

    @router.get("/docs")
    async def docs() -> Response:
        return Response(page, media_type="text/html")

    @router.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if assets is None or name not in _ASSETS:
            raise NotFoundError("There is no such path.")
        return Response((assets / name).read_bytes(), media_type=_ASSETS[name])

    return router
