"""The OpenAPI document and Swagger UI. All addresses are relative, so they work under any stage prefix."""

import importlib.util
import json
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from triggers_api.errors import NotFoundError

_CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.30.2"
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
    base = "docs" if assets else _CDN

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        return Response(json.dumps(request.app.openapi()), media_type="application/json")

    @router.get("/docs")
    async def docs() -> Response:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Triggers API",
            swagger_js_url=f"{base}/swagger-ui-bundle.js",
            swagger_css_url=f"{base}/swagger-ui.css",
            swagger_favicon_url=f"{base}/favicon.png",
        )

    @router.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if assets is None or name not in _ASSETS:
            raise NotFoundError("There is no such path.")
        return Response((assets / name).read_bytes(), media_type=_ASSETS[name])

    return router
