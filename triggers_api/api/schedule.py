"""Answer the stack's schedule, beside the requests of the API.

The schedule is an EventBridge rule. It calls the same function as API Gateway, with an event of another
shape: API Gateway chooses the top-level fields of a request, which include `httpMethod` and `requestContext`
and no `source`. A client chooses only values inside them, so no request looks like a scheduled event.
"""

import logging
from typing import Any

from triggers_api.api.lambda_event import Handler
from triggers_api.api.service import Service
from triggers_api.settings import Settings

logger = logging.getLogger("triggers_api.lambda")

_SCHEDULERS = {"aws.events", "aws.scheduler"}
_RULE = ("aws.events", "Scheduled Event")
_OF_A_REQUEST = {"httpMethod", "requestContext"}


def with_schedule(handler: Handler, service: Service, settings: Settings) -> Handler:
    """Return a handler that measures the backlog for a scheduled event, and passes on everything else.

    An error of the measurement leaves the handler, unlike any error of a request: the call counts as failed,
    Lambda repeats it twice, and the measurement is missing.
    """

    def handle(event: Any, context: Any) -> dict[str, Any]:
        if not is_scheduled(event):
            return handler(event, context)
        if (event["source"], event.get("detail-type")) == _RULE:
            from triggers_api.api.backlog import measure_backlog  # noqa: PLC0415 - no request needs it

            measure_backlog(service, settings)
        else:
            logger.info("scheduled event ignored")
        return {}

    return handle


def is_scheduled(event: Any) -> bool:
    """Return whether EventBridge sent an event on a schedule: it is no request and needs no answer."""
    if not isinstance(event, dict) or event.keys() & _OF_A_REQUEST:
        return False
    source = event.get("source")
    return isinstance(source, str) and source in _SCHEDULERS
