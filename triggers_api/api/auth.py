"""The principal of a request, as a FastAPI dependency."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from triggers_api.api.authenticator import invalid_key
from triggers_api.api.context import request_context
from triggers_api.api.service import get_service
from triggers_api.core.access import Principal, Scope
from triggers_api.core.keys import KeyRecord
from triggers_api.errors import UnauthorizedError


class _ApiKeyScheme(SecurityBase):
    """The `ApiKey` of the OpenAPI document, and the check of it.

    One dependency instead of a check that depends on FastAPI's `APIKeyHeader`: each dependency costs every
    request 0.02 ms.
    """

    scheme_name = "ApiKey"
    model = APIKey(**{"in": APIKeyIn.header}, name="X-API-Key", description="An API key.")

    async def __call__(self, request: Request, required: SecurityScopes) -> Principal:
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
            try:
                record = await _find_key(request)
            except UnauthorizedError as error:
                context.key_id, context.refusal = error.key_id, error.reason
                raise
            context.principal = Principal.from_key(record)
            context.key_id, context.source = context.principal.key_id, record.source
        context.principal.require_scopes(required.scopes)
        return context.principal


async def _find_key(request: Request) -> KeyRecord:
    keys = request.headers.getlist("x-api-key")
    if len(keys) != 1:
        raise invalid_key("malformed" if keys else "missing")
    service = await get_service(request)
    if record := service.authenticator.cached(keys[0]):
        return record
    return await service.run(service.authenticator.look_up, keys[0])


authenticate = _ApiKeyScheme()

IngestPrincipal = Annotated[Principal, Security(authenticate, scopes=[Scope.INGEST])]
ConsumePrincipal = Annotated[Principal, Security(authenticate, scopes=[Scope.CONSUME])]
ManagePrincipal = Annotated[Principal, Security(authenticate, scopes=[Scope.MANAGE])]
