"""The OpenAPI document and Swagger UI, by relative addresses, so that they work under any stage prefix."""

import json
from pathlib import Path

from fastapi import Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from triggers_api.api.routes import Route
from triggers_api.errors import NotFoundError

_CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.30.2"
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def docs_routes(assets: Path | None) -> tuple[Route, ...]:
    """Return the routes of the documentation; none of them is part of the contract."""
    base = "docs" if assets else _CDN
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Triggers API",
        swagger_js_url=f"{base}/swagger-ui-bundle.js",
        swagger_css_url=f"{base}/swagger-ui.css",
        swagger_favicon_url=f"{base}/favicon.png",
    )

    async def openapi(request: Request) -> Response:
        return Response(json.dumps(request.app.openapi()), media_type="application/json")

    async def docs(_: Request) -> Response:
        return page

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if assets is None or name not in _ASSETS:
            raise NotFoundError("There is no such path.")
        return Response((assets / name).read_bytes(), media_type=_ASSETS[name])

    return ("GET", "/openapi.json", openapi), ("GET", "/docs", docs), ("GET", "/docs/{name}", asset)
