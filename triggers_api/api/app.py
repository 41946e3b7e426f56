"""The FastAPI application, over any store.

FastAPI wraps an endpoint into five layers of middleware, two exit stacks and the solving of its dependencies.
They took a quarter of a request's CPU, for what this service does in one place of its own, the boundary, or
not at all. So the app has that one layer, and its routes call their endpoint.
"""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from triggers_api.api.boundary import RequestBoundary
from triggers_api.api.docs import docs_routes
from triggers_api.api.routes import ROUTES, Endpoint
from triggers_api.api.service import Service
from triggers_api.errors import MethodNotAllowedError
from triggers_api.version import VERSION


class _App(FastAPI):
    """FastAPI without its layers. Its routes are `_Route`s: FastAPI's own need what the layers make."""

    def __init__(self, service: Service, *, cors_allow_origin: str) -> None:
        super().__init__(
            title="Triggers API",
            version=VERSION,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
        )
        self.state.service = service
        self._cors_allow_origin = cors_allow_origin

    def build_middleware_stack(self) -> ASGIApp:
        """Return what is between the server and the routes: the boundary, and what was added around it."""
        app: ASGIApp = RequestBoundary(self.router, cors_allow_origin=self._cors_allow_origin)
        for layer, arguments, options in reversed(self.user_middleware):
            app = layer(app, *arguments, **options)
        return app

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made when it is first asked for: a cold start has no time for it."""
        if self.openapi_schema is None:
            from triggers_api.api.openapi import document  # noqa: PLC0415 - see the docstring

            self.openapi_schema = document()
        return self.openapi_schema


class _Route(Route):
    """A path and a method, and the endpoint that takes the request and returns the answer."""

    def __init__(self, method: str, path: str, endpoint: Endpoint) -> None:
        super().__init__(path, endpoint, methods=[method])
        self._call = endpoint
        self._method = method
        self.methods = {method}  # Starlette lets HEAD in wherever GET is

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self  # for the access line
        request = Request(scope, receive)
        if scope["method"] != self._method:
            allowed = _allowed_methods(request)
            raise MethodNotAllowedError(
                f"This path allows {', '.join(allowed)}.", details={"allowed": allowed}
            )
        response = await self._call(request)
        await response(scope, receive, send)


def create_app(service: Service, *, cors_allow_origin: str, docs_assets: Path | None) -> FastAPI:
    """Return the app. `docs_assets` is a folder with Swagger UI; without one, /docs loads it from its CDN."""
    app = _App(service, cors_allow_origin=cors_allow_origin)
    app.router.routes += [_Route(*route) for route in (*ROUTES, *docs_routes(docs_assets))]
    return app


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes of the path."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    return sorted(methods)
