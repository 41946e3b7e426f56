"""One commit for all changes that wait for the file at the same time.

A commit waits for the disk. If each change had its own, a change would also wait for the disk once for each
one before it. So the change that is first in the queue makes all that are in the queue, in one transaction,
each in a savepoint: one that fails is undone alone. None is answered before the commit.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from copy import copy
from functools import partial
from typing import Any, TypeVar

from triggers_api.core import deadline
from triggers_api.errors import StoreUnavailableError
from triggers_api.store.sqlite.batches import in_savepoint
from triggers_api.store.sqlite.file import BUSY_SECONDS

T = TypeVar("T")


class GroupCommit:
    """The changes of this process, in the order in which they came.

    Args:
        transaction: Gives a connection in a transaction, and commits it at the end or rolls it back.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._transaction = transaction
        self._lock = threading.Lock()
        self._queue: list[_Change] = []

    def make(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make a change durably. Return what it returns, or raise what it raises.

        It runs in a copy of the caller's context, so with the caller's deadline, but maybe in another thread.

        Raises:
            StoreUnavailableError: The request's time is up. The change may be made all the same.
            OSError: The file cannot be used.
            sqlite3.Error: SQLite failed. Nothing was changed, unless the commit failed.
        """
        mine = _Change(change)
        self._wait(mine)
        if not mine.is_done:
            self._lead(mine)
        outcome = mine.outcome
        if isinstance(outcome, Exception):
            try:
                raise outcome
            finally:
                del outcome, mine  # else a cycle with this frame would keep the entries in memory
        made: T = outcome
        return made

    def _wait(self, mine: "_Change") -> None:
        """Wait until the change is made, or is the first in the queue."""
        seconds = min(deadline.remaining(), 2 * BUSY_SECONDS)
        with self._lock:
            self._queue.append(mine)
            if self._queue[0] is mine:
                return
        mine.turn.wait(seconds)
        with self._lock:
            if not mine.turn.is_set():
                mine.is_abandoned = True
                self._queue.remove(mine)
                raise StoreUnavailableError("The store is busy.")

    def _lead(self, mine: "_Change") -> None:
        """Make the changes that are in the queue, and wake those that wait."""
        try:
            self._commit(mine)
        finally:
            with (
                self._lock
            ):  # also to wake them: a change that leaves the queue now must not be woken to lead
                done = [one for one in self._queue if one.is_done or one is mine]
                self._queue = [one for one in self._queue if one not in done]
                for one in (*self._queue[:1], *done):
                    one.turn.set()

    def _commit(self, mine: "_Change") -> None:
        """Make the changes of the queue in one transaction; if that is rolled back, the first one alone."""
        group, are_made = [mine], False
        try:
            with self._transaction() as connection:
                if not mine.is_alone:
                    with self._lock:
                        group = list(self._queue)
                outcomes = _outcomes(connection, group)
                are_made = True
        except Exception as error:  # noqa: BLE001 - the caller of each change gets it
            outcomes = [copy(error).with_traceback(None) for _ in group]
        if len(group) > 1 and not are_made:
            for one in group:
                one.is_alone = True
            self._commit(mine)
            return
        for one, outcome in zip(group, outcomes, strict=True):
            one.outcome, one.is_done = outcome, True


def _outcomes(connection: sqlite3.Connection, group: "list[_Change]") -> list[Any]:
    """Make changes, each in a savepoint. Return what each returns, or its error.

    One change needs no savepoint: the transaction ends with it.
    """
    if len(group) == 1:
        return [group[0].make(connection)]
    return [in_savepoint(connection, "member", partial(one.make, connection)) for one in group]


class _Change:
    """A change with the caller that waits for it.

    Attributes:
        turn: Set when the change is made, or must be made by its caller.
        is_done: It has its outcome.
        is_abandoned: Its caller waits no longer.
        is_alone: A transaction with others was rolled back. The change gets a transaction for itself.
        outcome: What it returned, or its error.
    """

    def __init__(self, change: Callable[[sqlite3.Connection], Any]) -> None:
        self._change = change
        self._context = copy_context()
        self.turn = threading.Event()
        self.is_done = self.is_abandoned = self.is_alone = False
        self.outcome: Any = None

    def make(self, connection: sqlite3.Connection) -> Any:
        """Make the change in the context of its caller."""
        return self._context.run(self._make_in_time, connection)

    def _make_in_time(self, connection: sqlite3.Connection) -> Any:
        if self.is_abandoned:
            raise StoreUnavailableError("The store is busy.")
        outcome = self._change(connection)
        deadline.check()  # a request that took too long until now was answered 503: then write nothing
        return outcome
