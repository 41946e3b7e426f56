"""The calls of managers, what waits, and bad calls of the queue, in any order, compared with the model."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.promises.bad_calls import BAD_CALLS, BadCall
from tests.promises.client_rules import PLAIN_VIEWS, TYPE_FILTERS
from tests.promises.event_model import ACKNOWLEDGED, ANY, DEAD, PENDING, View
from tests.promises.machine import ANY_KEY, check, parameters
from tests.promises.model import CONSUME, FORBIDDEN, INVALID, MANAGE, Key
from tests.promises.queue_rules import SEVERAL, QueueRules


class ManagerRules(QueueRules):
    """Requeue, purge, stats."""

    @rule(key=ANY_KEY, several=SEVERAL)
    def several_are_requeued(self, key: Key, several: list[str]) -> None:
        self._requeue(key, several)

    def _requeue(self, key: Key, several: list[str]) -> None:
        self.clock.now += 1  # a requeue is another one if it has another time
        ids = list(dict.fromkeys(several))
        answer = self._call(key, "POST", "/v1/inbox/requeue", json_body={"event_ids": ids})
        if self._admitted(key, MANAGE, answer):
            found = [event for event_id in ids if (event := self.model.find(key, event_id))]
            check(answer, {"requeued": self.model.requeue(found)})

    @rule(
        key=ANY_KEY,
        status=st.sampled_from([ACKNOWLEDGED, ACKNOWLEDGED, DEAD]),
        view=PLAIN_VIEWS,
        limit=st.sampled_from([1, 2, 500]),
        dry=st.booleans(),
    )
    def matching_events_are_requeued(self, key: Key, status: str, view: View, limit: int, dry: bool) -> None:
        wanted = View(status, view.source, view.event_types[:1])
        self.clock.now += 1000  # beyond the times of all events
        found = self.model.events_of(key, wanted)
        if self._change(key, "requeue", "requeued", wanted, limit, dry=dry, at_least=len(found)) and not dry:
            self.model.requeue(found)

    @rule(
        key=ANY_KEY,
        status=st.sampled_from([PENDING, ACKNOWLEDGED, DEAD, ANY]),
        source=st.sampled_from(["shop", "billing", "ж", "nobody"]),
        event_type=TYPE_FILTERS,
        limit=st.sampled_from([1, 2, 500]),
        dry=st.booleans(),
    )
    def matching_events_are_purged(
        self, key: Key, status: str, source: str, event_type: str | None, limit: int, dry: bool
    ) -> None:
        wanted = View(status, source, (event_type,) if event_type else ())
        self.clock.now += 1000
        found = self.model.events_of(key, wanted)
        if self._change(key, "purge", "deleted", wanted, limit, dry=dry, at_least=len(found)) and not dry:
            for event in found:
                event.deleted = True

    def _change(
        self, key: Key, call: str, name: str, view: View, limit: int, *, dry: bool, at_least: int
    ) -> bool:
        """Make the calls of a requeue or a purge to their end. Return whether they were allowed.

        A purge may find more: events that have expired, and that the store has not removed yet.
        """
        wanted = {"status": view.status, **dict(parameters(View(PENDING, view.source, view.event_types)))}
        body: dict[str, Any] = {"filter": wanted}
        body |= {"dry_run": True} if dry else {"limit": limit}
        changed = 0
        for _ in range(300):
            answer = self._call(key, "POST", f"/v1/inbox/{call}", json_body=body)
            if not self._admitted(key, MANAGE, answer):
                return False
            if view.source and not key.sees(view.source):
                check(answer, FORBIDDEN)
                return False
            assert answer.status == 200, answer.body
            if dry:
                check(answer, {"matching": answer.json["matching"], "capped": False})
                changed = answer.json["matching"]
                break
            assert answer.json[name] <= limit
            changed += answer.json[name]
            if "next_cursor" not in answer.json:
                check(answer, {name: answer.json[name]})
                break
            body["cursor"] = answer.json["next_cursor"]
        else:
            raise AssertionError("the walk does not end")
        assert changed == at_least or (call == "purge" and changed > at_least), (changed, at_least)
        return True

    @rule(key=ANY_KEY, view=PLAIN_VIEWS)
    def the_inbox_is_counted(self, key: Key, view: View) -> None:
        self._count(key, view)

    def _count(self, key: Key, view: View) -> None:
        answer = self._call(key, "GET", "/v1/inbox/stats", query=urlencode(parameters(view)))
        if not self._admitted(key, CONSUME, answer):
            return
        if view.source and not key.sees(view.source):
            check(answer, FORBIDDEN)
            return
        expected = self.model.stats(key, view)
        if since := expected["pending"].pop("since", None):
            age = datetime.fromisoformat(self.model.now) - datetime.fromisoformat(since)
            expected["pending"]["oldest_age_seconds"] = max(0, age // timedelta(seconds=1))
        check(answer, expected)

    @rule(key=ANY_KEY, bad=st.sampled_from(BAD_CALLS))
    def a_bad_call_of_the_queue_is_made(self, key: Key, bad: BadCall) -> None:
        answer = self._call(key, "POST", f"/v1/{bad.path}", body=json.dumps(bad.body).encode())
        if self._admitted(key, bad.scope, answer):
            check(answer, INVALID)
