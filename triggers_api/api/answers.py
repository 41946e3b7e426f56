"""Write answers: JSON text with the id of the request."""

from starlette.responses import Response

from triggers_api.api.context import request_context
from triggers_api.core.strict_json import dump


def answer(status_code: int, **fields: str) -> Response:
    """Return an answer of string fields, and the request id."""
    return json_response(status_code, dump({**fields, "request_id": request_context().request_id}))


def joined_answer(members: str) -> Response:
    """Return a 200 whose members are JSON text already, and the request id.

    Stored events are joined as text: their numbers stay exact, and a page is not parsed and written again.
    """
    return json_response(200, f'{{{members},"request_id":{dump(request_context().request_id)}}}')


def json_response(status_code: int, body: str) -> Response:
    """Return a JSON response."""
    return Response(body, status_code, media_type="application/json")
