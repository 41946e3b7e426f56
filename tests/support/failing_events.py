"""An event store that fails with the error that a test sets."""

from collections.abc import Callable
from typing import Any

from triggers_api.core.ports import EventStore

CALLS = [name for name in vars(EventStore) if not name.startswith("_")]
"""The methods of the protocol."""


class FailingEvents:
    """An event store whose every call raises `failure`, if that is set."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.failure: BaseException | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method of the protocol that fails, or makes the call."""
        if name not in CALLS:
            raise AttributeError(name)

        def call(*arguments: Any, **named: Any) -> Any:
            if self.failure is not None:
                raise self.failure.with_traceback(None)  # else each raise adds its frames
            return getattr(self._store, name)(*arguments, **named)

        return call
