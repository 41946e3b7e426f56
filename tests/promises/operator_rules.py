"""The operator's commands for keys, and the clock. The commands' results are compared with the model too."""

from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import MultipleResults, multiple, rule

from tests.promises.event_model import View
from tests.promises.machine import KEYS, LIFETIMES, SCOPES, SOURCES
from tests.promises.model import BELIEF, SECOND, Key
from tests.promises.work_rules import WorkRules
from triggers_api.core.access import Principal
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.core.times import format_time
from triggers_api.errors import KeyExistsError, KeyNotFoundError, OperatorError


class OperatorRules(WorkRules):
    """The steps that are not calls by HTTP."""

    @rule(target=KEYS, source=st.none() | SOURCES, lifetime=LIFETIMES, scopes=st.none() | SCOPES)
    def a_key_is_made(self, source: str | None, lifetime: int | None, scopes: frozenset[str] | None) -> Key:
        return self._create(source, lifetime, scopes)

    @rule(key=KEYS, source=st.none() | SOURCES, lifetime=LIFETIMES, scopes=SCOPES)
    def an_own_key_is_taken(
        self, key: Key, source: str | None, lifetime: int | None, scopes: frozenset[str]
    ) -> None:
        self.clock.now += 1  # one record after the other, be they alike in everything else
        if key.state is not None:
            with pytest.raises(KeyExistsError):
                self._take(key, source, lifetime, scopes)
            return
        self._take(key, source, lifetime, scopes)
        self.model.make(key, source=source, scopes=scopes, lifetime=lifetime)

    @rule(
        key=KEYS,
        by=st.sampled_from(["key", "digest", "id"]),
        in_use=st.booleans(),
        wait=st.sampled_from([0, BELIEF - 1, BELIEF]),
    )
    def a_key_is_revoked(self, key: Key, by: str, in_use: bool, wait: int) -> None:
        if in_use:
            self._use(key)
        if key.state is None:
            with pytest.raises(KeyNotFoundError):
                self.operator.revoke(named(key, by))
            return
        record = self.operator.revoke(named(key, by))
        self.model.revoke(key)
        assert (record.is_active, record.revoked_at) == (False, key.revoked_at)
        self.clock.now += wait
        self._use(key)

    @rule(
        target=KEYS,
        key=KEYS,
        by=st.sampled_from(["key", "digest", "id"]),
        overlap=st.sampled_from([0, 10, 60, 86_400]),
        lifetime=LIFETIMES,
    )
    def a_key_is_rotated(self, key: Key, by: str, overlap: int, lifetime: int | None) -> MultipleResults[Key]:
        if why_not := self.model.why_not_rotate(key, overlap=overlap, lifetime=lifetime):
            with pytest.raises(OperatorError, match=why_not):
                self.operator.rotate(named(key, by), overlap=overlap, expires_in=lifetime)
            return multiple()
        made, _ = self.operator.rotate(named(key, by), overlap=overlap, expires_in=lifetime)
        new = Key(made.key)
        self.model.rotate(key, new, overlap=overlap, lifetime=lifetime)
        return multiple(new)

    @rule()
    def the_keys_are_listed(self) -> None:
        found, damaged = self.operator.list(everything=True, source=None)
        shown = {
            record.digest: (record.source, scopes_of(record), record.is_active, record.expires_at)
            for record in found
        }
        del shown[digest_of(self.api.key)]
        assert damaged == []
        assert shown == {digest_of(key.text): self._record_of(key) for key in self.model.keys}

    @rule(step=st.sampled_from([1, 1000, SECOND, 10 * SECOND, 40 * SECOND, 3600 * SECOND]))
    def time_passes(self, step: int) -> None:
        self.clock.now += step

    @rule(
        what=st.sampled_from(["key", "belief", "record", "event", "lease", "lease"]),
        off=st.sampled_from([-1, 0, 1]),
    )
    def time_passes_to_where_something_ends(self, what: str, off: int) -> None:
        to_come = [(end, look) for end, look in self._ends(what) if end > self.clock.now]
        if to_come:
            end, look = min(to_come, key=itemgetter(0))
            self.clock.now = max(self.clock.now, end + off)
            look()

    def _record_of(self, key: Key) -> tuple[str | None, frozenset[str], bool, str | None]:
        assert key.state is not None
        ends = format_time(key.ends) if key.ends else None
        return key.source, key.scopes, key.state.is_active, ends

    def _take(self, key: Key, source: str | None, lifetime: int | None, scopes: frozenset[str]) -> None:
        self.operator.create(
            name=None, source=source, scopes=tuple(scopes), own_key=key.text, expires_in=lifetime
        )

    def _ends(self, what: str) -> Iterator[tuple[int, Callable[[], object]]]:
        """Give when things of a kind end, and how to see that they did."""
        if what == "event":
            for event_id, event in self.model.events.items():
                yield event.expires * SECOND, partial(self._read, self.all_seeing, event_id, event_id)
        elif what == "lease":
            for event in self.model.events.values():
                yield event.hidden_until, partial(self._receive, self.all_seeing, 100, 30, View())
        elif what == "record":
            for (key, name), (second, _, event) in self.model.records.items():
                yield second * SECOND, partial(self._post, key, event.sent, name)
        else:
            for key in self.model.keys:
                ends = [until for until, _ in key.beliefs] if what == "belief" else [key.ends]
                yield from ((end, partial(self._use, key)) for end in ends if end)

    def _use(self, key: Key) -> None:
        self._page(key, 1, View(), None)


def scopes_of(record: KeyRecord) -> frozenset[str]:
    return Principal.from_key(record).scopes


def named(key: Key, by: str) -> str:
    """Name a key in one of the three ways that an operator may."""
    digest = digest_of(key.text)
    return {"key": key.text, "digest": digest, "id": digest.removeprefix("sha256:")[:12]}[by]
