"""The service, the model beside it, and the helpers that every step of a random history uses.

`client_rules` and `operator_rules` have the steps; `test_model` chooses the stores and the door.
"""

import json
import sys
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, initialize, multiple

from tests.api.driver import Answer, Api
from tests.conftest import Stores
from tests.promises.event_model import ACKNOWLEDGED, DEAD, PENDING, Sent, View
from tests.promises.model import (
    CONSUME,
    FORBIDDEN,
    INGEST,
    INVALID,
    MANAGE,
    SECOND,
    Key,
    Model,
    Refusal,
    State,
)
from tests.support.clock import FakeClock
from triggers_api.core.keys import generate
from triggers_api.ops.keys.operations import Keys

SOURCES = st.sampled_from(["shop", "billing", "ж"])
LIFETIMES = st.sampled_from([None, None, 20, 3600, 5 * 86_400])
ALL = frozenset({INGEST, CONSUME, MANAGE})
SCOPES = st.sampled_from([{INGEST, CONSUME}, ALL, ALL, {CONSUME}, {INGEST}, {MANAGE}, {INGEST, MANAGE}]).map(
    frozenset
)

MAX_DELIVERIES = 2


@dataclass(frozen=True)
class Cursor:
    """A position in a view of the inbox."""

    text: str
    after: str
    view: View


@dataclass(frozen=True)
class Lease:
    """An event that a receive has claimed once, and the token that it got."""

    event_id: str
    token: str


KEYS: Bundle[Key] = Bundle("keys")
STEADY: Bundle[Key] = Bundle("steady")  # keys that are never revoked
EVENTS: Bundle[str] = Bundle("events")
POSTS: Bundle[tuple[Key, Sent, str]] = Bundle("posts")
CURSORS: Bundle[Cursor] = Bundle("cursors")
LEASES: Bundle[Lease] = Bundle("leases")

ANY_KEY = st.one_of(STEADY, STEADY, STEADY, KEYS)


class Machine(RuleBasedStateMachine):
    """The state at the start, how a call is made, and what must hold at the end."""

    calls = 0

    def __init__(self) -> None:
        super().__init__()
        # Hypothesis disables some rules for each history, and often so many that no call is left.
        all_rules = Mock(spec_set=["is_enabled"], is_enabled=lambda _: True)
        self._rules_strategy.enabled_rules_strategy = st.just(all_rules)
        self.clock = FakeClock()
        self.clock.now -= self.clock.now % (3600 * SECOND)  # a run does not depend on the time of day
        self.model = Model(self.clock, max_deliveries=MAX_DELIVERIES)
        self._lent = self.stores()
        stores = self._lent.__enter__()
        self.api = self.api_over(stores, self.clock)
        self.all_seeing = Key(self.api.key, None, ALL, State(True))
        self.operator = Keys(stores.keys, stage="test", clock=self.clock)

    @abstractmethod
    def stores(self) -> AbstractContextManager[Stores]:
        """Provide two empty stores."""

    @abstractmethod
    def api_over(self, stores: Stores, clock: FakeClock) -> Api:
        """Return the API behind a door. Events die after `MAX_DELIVERIES`."""

    # What is there at the start.

    @initialize(target=STEADY, source=SOURCES)
    def three_keys_are_made(self, source: str) -> MultipleResults[Key]:
        plain = self._create(None, None)
        return multiple(plain, self._create(source, None), self._create(None, None, ALL))

    @initialize(target=KEYS)
    def two_keys_are_not_yet_made(self) -> MultipleResults[Key]:
        return multiple(Key(generate("test")), Key(generate("test").replace("trg_test_", "an-own-key")))

    @initialize(target=EVENTS)
    def two_ids_are_nobodys(self) -> MultipleResults[str]:
        return multiple("0193a5b0-0000-7000-8000-000000000000", "6b1f0c9e-52f5-4d0c-9d3c-3b1a5f0e7a11")

    def _create(self, source: str | None, lifetime: int | None, scopes: frozenset[str] | None = None) -> Key:
        """Create a key; without scopes, it has those of version 0.1.0."""
        made = self.operator.create(
            name=None, source=source, scopes=tuple(scopes or ()), own_key=None, expires_in=lifetime
        )
        key = Key(made.key)
        self.model.make(key, source=source, scopes=scopes or key.scopes, lifetime=lifetime)
        return key

    def _call(self, key: Key, method: str, path: str, **options: Any) -> Answer:
        type(self).calls += 1
        return self.api.call(method, path, key=key.text, **options)

    def _let_in(self, key: Key, answer: Answer) -> bool:
        """Return whether the key was accepted, which must be right. A rejected key stays rejected."""
        came_in = answer.status != 401
        assert came_in in self.model.may_be_let_in(key), (answer.status, key)
        if not came_in:
            check(answer, (401, "UNAUTHORIZED"))
            self.model.refuse(key)
        return came_in

    def _admitted(self, key: Key, scope: str, answer: Answer) -> bool:
        """Return whether the key was accepted and may do this, which must be right."""
        if not self._let_in(key, answer):
            return False
        if scope in key.scopes:
            return True
        check(answer, FORBIDDEN)
        assert answer.error["details"] == {"scope": scope}
        return False

    def _read(self, key: Key, event_id: str, written: str) -> None:
        answer = self._call(key, "GET", f"/v1/events/{written}")
        if self._admitted(key, CONSUME, answer):
            check(answer, self.model.get(key, event_id))

    def _pages(self, key: Key, limit: int, view: View) -> None:
        found = self._page(key, limit, view, None)
        while found:
            found = self._page(key, limit, view, found[0])

    def _page(self, key: Key, limit: int, view: View, cursor: Cursor | None) -> list[Cursor]:
        """Read a page; return its cursor, where it has one."""
        query: list[tuple[str, str | int]] = [("limit", limit), *parameters(view)]
        query += [("cursor", cursor.text)] if cursor else []
        answer = self._call(key, "GET", "/v1/inbox", query=urlencode(query))
        if not self._admitted(key, CONSUME, answer):
            return []
        if view.source and not key.sees(view.source):
            check(answer, FORBIDDEN)
            return []
        seen = view.within(key.source)
        if cursor and cursor.view != seen:
            check(answer, INVALID)
            return []
        left = list(self.model.listed(key, view, cursor.after if cursor else ""))
        pagination: dict[str, Any] = {"limit": limit}
        if len(left) > limit:
            pagination["next_cursor"] = answer.json["pagination"]["next_cursor"]
        check(answer, {"events": left[:limit], "pagination": pagination})
        if len(left) <= limit:
            return []
        return [Cursor(pagination["next_cursor"], left[limit - 1]["event_id"], seen)]

    def teardown(self) -> None:
        failure = sys.exc_info()
        try:
            if failure[0] is None:
                self._everything_is_as_it_must_be()
        finally:
            self._lent.__exit__(*failure)

    def _everything_is_as_it_must_be(self) -> None:
        for key in self.model.keys:
            self._pages(key, 100, View())
        for event_id in self.model.events:
            self._read(self.all_seeing, event_id, event_id)
        for status in (PENDING, ACKNOWLEDGED, DEAD):
            self._pages(self.all_seeing, 100, View(status))


def check(answer: Answer, expected: Refusal | dict[str, Any], *, status: int = 200) -> None:
    """Fail unless an answer is this refusal, or holds exactly this beside its message and request id."""
    if isinstance(expected, tuple):
        assert answer.status == expected[0], (expected, answer.status, answer.body)
        assert answer.refusal == expected
        return
    assert answer.status == status, (expected, answer.status, answer.body)
    found = {name: value for name, value in answer.json.items() if name not in {"message", "request_id"}}
    assert strict(found) == strict(expected)


def parameters(view: View) -> list[tuple[str, str]]:
    """Return the query parameters of a view."""
    found = [("event_type", name) for name in view.event_types]
    found += [(name, value) for name in ("source", "since", "until") if (value := getattr(view, name))]
    found += [("status", view.status)] if view.status != PENDING else []
    found += [("order", "newest")] if view.newest else []
    return found + ([("available", "true")] if view.available else [])


def strict(value: object) -> str:
    """Return a text by which 1, 1.0 and true differ, as they do in JSON."""
    return json.dumps(value, sort_keys=True)
