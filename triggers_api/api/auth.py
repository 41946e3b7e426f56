"""The principal of a request, as a FastAPI dependency."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, SecurityScopes

from triggers_api.api.authenticator import invalid_key
from triggers_api.api.context import request_context
from triggers_api.api.service import get_service
from triggers_api.core.access import Principal, Scope

_API_KEY = APIKeyHeader(name="X-API-Key", scheme_name="ApiKey", description="An API key.", auto_error=False)


async def authenticate(
    request: Request, required: SecurityScopes, _: Annotated[str | None, Security(_API_KEY)] = None
) -> Principal:
    """Return the principal of a request.

    The route calls it before it reads anything else of the request; as a dependency it returns the same
    principal.

    Raises:
        UnauthorizedError: The request does not carry exactly one valid key.
        ForbiddenError: The key does not have the required scopes.
        StoreUnavailableError: The key cannot be checked.
    """
    context = request_context()
    if context.principal is None:
        keys = request.headers.getlist("x-api-key")
        if len(keys) != 1:
            raise invalid_key()
        service = await get_service(request)
        record = service.authenticator.cached(keys[0])
        if record is None:
            record = await service.run(service.authenticator.look_up, keys[0])
        context.principal = Principal.from_key(record)
        context.source = record.source
    context.principal.require_scopes(required.scopes)
    return context.principal


IngestPrincipal = Annotated[Principal, Security(authenticate, scopes=[Scope.INGEST])]
ConsumePrincipal = Annotated[Principal, Security(authenticate, scopes=[Scope.CONSUME])]
