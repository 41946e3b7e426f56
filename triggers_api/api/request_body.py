"""The base of request bodies: how a body is read before its model validates it."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from triggers_api.core import strict_json
from triggers_api.core.strict_json import MAX_BODY_BYTES, JsonObject


class RequestBody(BaseModel):
    """A strict body: unknown fields are refused, and no value is converted to another type."""

    # Build these models at import, although `main` sets `defer_build`. FastAPI rebuilds request models and
    # suppresses a Pydantic warning only while it defines the route; a deferred build would emit it at the
    # first request.
    model_config = ConfigDict(defer_build=False, extra="forbid", strict=True)

    subject: ClassVar[str] = "request"
    """What messages call the body."""
    max_bytes: ClassVar[int] = MAX_BODY_BYTES
    reads_events: ClassVar[bool] = False
    """Whether the request reads stored events, and may compute for long."""

    @classmethod
    def parse(cls, body: bytes) -> Any:
        """Return the JSON value of a body. The fields of type `JsonObject` are kept as text.

        Raises:
            ValidationError: The body is not strict JSON.
        """
        return strict_json.parse(body, verbatim=cls.verbatim())

    @classmethod
    def verbatim(cls) -> list[str]:
        """Return the names of the fields that are kept as text."""
        return [name for name, field in cls.model_fields.items() if field.annotation is JsonObject]
