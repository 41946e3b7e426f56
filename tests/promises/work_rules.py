"""A consumer at work: it receives, and does several things with what it has got, before anybody else does."""

from hypothesis import strategies as st
from hypothesis.stateful import MultipleResults, multiple, rule

from tests.promises.event_model import View
from tests.promises.machine import LEASES, MAX_DELIVERIES, STEADY, Lease
from tests.promises.manager_rules import ManagerRules
from tests.promises.model import SECOND, Key
from tests.promises.queue_rules import SECONDS

LIMITS = st.sampled_from([1, 2, 100])
ACTS = st.sampled_from(
    [
        *("ack", "ack half", "ack without the token", "ack again"),
        *("extend", "release", "release half", "release with a delay", "kill"),
        *("a moment passes", "the lease ends", "the lease almost ends"),
        *("receive", "receive", "requeue", "delete half", "count"),
    ]
)
PLANS = st.lists(ACTS, min_size=2, max_size=6)


class WorkRules(ManagerRules):
    """Receive and go on."""

    @rule(
        target=LEASES, key=STEADY, limit=LIMITS, seconds=SECONDS, acts=st.lists(ACTS, min_size=2, max_size=6)
    )
    def a_consumer_works(self, key: Key, limit: int, seconds: int, acts: list[str]) -> MultipleResults[Lease]:
        held = self._receive(key, limit, seconds, View())
        for act in acts:
            if act == "receive":
                held += self._receive(self.all_seeing, limit, seconds, View())
            elif act == "a moment passes":
                self.clock.now += 1000
            elif act.startswith("the lease"):
                ends = [self.model.events[one.event_id].hidden_until for one in held]
                off = -1 if "almost" in act else 0
                self.clock.now = max([self.clock.now, *(end + off for end in ends)])
            elif act == "count":
                self._count(key, View())
            elif held:
                self._act(key, act, held[::2] if "half" in act else held)
        return multiple(*held)

    @rule(key=STEADY, seconds=SECONDS)
    def events_die(self, key: Key, seconds: int) -> None:
        for _ in range(MAX_DELIVERIES + 1):
            self._receive(key, 100, seconds, View())
            self.clock.now += seconds * SECOND

    def _act(self, key: Key, act: str, held: list[Lease]) -> None:
        if act.startswith("ack"):
            self._ack(key, held, with_tokens="without" not in act)
        elif act.startswith("delete"):
            self._delete(key, [one.event_id for one in held])
        elif act == "requeue":
            self._requeue(self.all_seeing, [one.event_id for one in held])
        elif act == "extend":
            self._extend(key, held, 30)
        else:
            delay = 5 if "delay" in act else 0
            self._release(key, held, delay=delay, dead=act == "kill", reason="no" if delay else None)
