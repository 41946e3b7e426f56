"""The FastAPI application, over any store."""

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from triggers_api.api.context import request_id
from triggers_api.api.docs import docs_routes
from triggers_api.api.errors import error_response, status_of
from triggers_api.api.middleware import RequestBoundary
from triggers_api.api.routes import ROUTES
from triggers_api.api.service import Service
from triggers_api.errors import Kind, MethodNotAllowedError, NotFoundError, TriggersError
from triggers_api.version import VERSION

logger = logging.getLogger("triggers_api.app")


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made when it is first asked for: a cold start has no time for it."""
        if self.openapi_schema is None:
            from triggers_api.api.openapi import document  # noqa: PLC0415

            self.openapi_schema = document()
        return self.openapi_schema


def create_app(service: Service, *, cors_allow_origin: str, docs_assets: Path | None) -> FastAPI:
    """Return the app. `docs_assets` is a folder with Swagger UI; without one, /docs loads it from its CDN."""
    app = _App(
        title="Triggers API",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for method, path, endpoint in (*ROUTES, *docs_routes(docs_assets)):
        app.add_api_route(path, endpoint, methods=[method])
    app.add_middleware(RequestBoundary, cors_allow_origin=cors_allow_origin)
    app.add_exception_handler(TriggersError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    return app


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, TriggersError)  # noqa: S101 - Starlette's handlers are not typed by exception
    if error.kind is Kind.UNAVAILABLE:
        logger.warning("unavailable", extra={"fields": {"reason": error.message}})
    elif status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:  # the client learns nothing, so the log must
        logger.error("bug", exc_info=error, extra={"fields": {"reason": error.message}})
    return error_response(error, request_id())


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer for the router, which knows two troubles: no such path, and no such method there."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed_methods(request)
        problem: TriggersError = MethodNotAllowedError(
            f"This path allows {', '.join(allowed)}.", details={"allowed": allowed}
        )
    elif error.status_code == HTTPStatus.NOT_FOUND:
        problem = NotFoundError("There is no such path.")
    else:
        raise error
    return error_response(problem, request_id())


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes of the path; Starlette itself names those of the first one only."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods)
