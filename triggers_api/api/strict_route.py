"""`StrictRoute`: FastAPI's route, but it authenticates first and parses the request strictly.

FastAPI alone would read the body before it authenticates, so that a malformed body without a key is a 422
instead of a 401. It accepts NaN, duplicate names and JSON of any size and depth. This route authenticates
first, then reads the body and the query strictly, and then hands both to FastAPI's handler, which validates
them by their models. FastAPI also ignores query parameters that it does not know: a filter with a typo would
list the events of everybody.

Authentication by a cached key and reading the body happen on the event loop. The rest is one call of
`Service.run`, in a worker thread if the process serves many requests at a time. There, endpoints and
dependencies make blocking calls, and may not wait for the event loop. They are `async def` all the same:
FastAPI would call a `def` in a further thread.
"""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import APIRouter, Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes

from triggers_api.api.auth import authenticate
from triggers_api.api.service import get_service
from triggers_api.api.strict_request import StrictRequest
from triggers_api.api.validation import validation_error
from triggers_api.core import turns


class StrictRoute(APIRoute):
    """Authenticates before it reads the body or the query, then parses both strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler (FastAPI documents this hook under "Custom Request and APIRoute class")."""
        handler = super().get_route_handler()
        scopes = _required_scopes(self.endpoint)
        body = self.body_field.field_info if self.body_field else None
        body_model: Any = body.annotation if body else None
        body_is_required = body is not None and body.is_required()
        parameters = _query_parameters(self.dependant)

        def respond(strict: StrictRequest) -> Response:
            if body_model is not None:
                strict.parse_body(body_model, required=body_is_required)
                turns.give_way()
            if scopes is not None:  # monitors add parameters of their own to the health check
                strict.parse_query(parameters)
            try:
                return _run_to_end(handler(strict))
            except RequestValidationError as error:
                problem = validation_error(error.errors(), body_model)
                # Break the cycle of error, traceback and frame: it would keep the body in memory.
                error.__traceback__ = None
            raise problem  # outside of the except block: FastAPI's error must not be its context

        async def handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if scopes is None:
                return respond(strict)
            await authenticate(strict, scopes)
            if body_model is not None:
                await strict.read_body(body_model.max_bytes)
            service = await get_service(request)
            return await service.run(respond, strict, lane=strict.lane(body_model))

        return handle


def strict_router(prefix: str, *, tag: str) -> APIRouter:
    """Return a router of strict routes. A function's name is its operation id in the OpenAPI document."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=StrictRoute,
        generate_unique_id_function=lambda route: route.name,
        strict_content_type=False,  # a missing one counts as JSON; `StrictRequest` checks the others
    )


def _required_scopes(endpoint: Callable[..., Any]) -> SecurityScopes | None:
    """Return the scopes that an endpoint's principal needs; None for a public endpoint."""
    for hint in get_type_hints(endpoint, include_extras=True).values():
        for marker in getattr(hint, "__metadata__", ()):
            if isinstance(marker, params.Security) and marker.dependency is authenticate:
                return SecurityScopes(list(marker.scopes or ()))
    return None


def _query_parameters(dependant: Dependant) -> list[str]:
    """Return the names of the query parameters. An endpoint declares them in one model, or has none."""
    models: list[Any] = [field.field_info.annotation for field in dependant.query_params]
    return [name for model in models for name in model.model_fields]


def _run_to_end(coroutine: Coroutine[Any, Any, Response]) -> Response:
    """Run a coroutine that waits for nothing, in a thread without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        response: Response = end.value
        return response
    coroutine.close()
    raise RuntimeError("An endpoint or a dependency waited for the event loop.")
