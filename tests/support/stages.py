"""A stage with events, and `triggers` commands on it, as an operator runs them."""

import json
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

from tests.support import dev_server
from tests.support.sample_events import event, webhook_event
from triggers_api.core.access import Principal
from triggers_api.core.events import Event
from triggers_api.core.inbox import Inbox
from triggers_api.core.leases import Held
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.core.retention import Retention
from triggers_api.core.times import system_clock

HOUR = 3600
OPERATOR = Principal("operator", "")


@dataclass(frozen=True)
class Stage:
    """A stage: its store, and what leads a command to it."""

    store: EventStore
    options: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)

    def add(self, number: int = 1, **fields: Any) -> list[Event]:
        """Store new events; `expires_in` is in seconds from now."""
        expires_at = int(time.time()) + fields.pop("expires_in", 24 * HOUR)
        return self._add([event(expires_at=expires_at, **fields) for _ in range(number)])

    def add_webhook(self, body: bytes, **fields: Any) -> Event:
        """Store a new event that came as a webhook with this body; `fields` as `webhook_event` takes them."""
        return self._add([webhook_event(body, expires_at=int(time.time()) + 24 * HOUR, **fields)])[0]

    def _add(self, events: list[Event]) -> list[Event]:
        outcomes = self.store.add([NewEvent(one) for one in events], now=int(time.time()))
        assert outcomes == [one.event_id for one in events]
        return events

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.store, clock=system_clock, retention=Retention(days=7), max_deliveries=10)

    def receive(self, source: str, number: int) -> list[Held]:
        """Lease events for an hour."""
        received = self.inbox.receive(
            OPERATOR, limit=number, lease_seconds=HOUR, source=source, event_type=None
        )
        assert len(received.events) == number
        return [Held(one.event_id, received.token) for one in received.events]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command off a terminal."""
        return dev_server.run(*arguments, *self.options, variables=self.variables, seconds=60)

    def ask(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command with `--json`, and return its one document."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def refuse(self, *arguments: str, code: int, message: str) -> None:
        """Run a command that must fail, with this message, a fix, and nothing on stdout."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert message in done.stderr
        assert "\n  fix: " in done.stderr
        assert "Traceback" not in done.stderr
