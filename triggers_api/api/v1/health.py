"""The health check: is the service running?"""

from fastapi import Response

from triggers_api.api.answers import answer
from triggers_api.api.documented_errors import errors
from triggers_api.api.service import ServiceDep
from triggers_api.api.strict_route import strict_router
from triggers_api.api.v1 import examples
from triggers_api.api.v1.models import Health
from triggers_api.core.times import format_time
from triggers_api.version import VERSION

router = strict_router("/v1", tag="health")


@router.get(
    "/health",
    summary="Health check",
    response_model=Health,
    response_description="The service is running. No table was read.",
    responses={200: examples.HEALTH, **errors(public=True)},
)
async def health(service: ServiceDep) -> Response:
    """Report that the service is running. Needs no key and reads no table."""
    return answer(200, status="healthy", timestamp=format_time(service.clock()), version=VERSION)
