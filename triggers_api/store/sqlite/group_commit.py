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
            raise outcome
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
                self._queue.remove(mine)
                raise StoreUnavailableError("The store is busy.")

    def _lead(self, mine: "_Change") -> None:
        """Make the changes that are in the queue, and wake those that wait."""
        done = [mine]
        try:
            done = self._commit(mine, alone=False)
        finally:
            with self._lock:
                self._queue = [one for one in self._queue if one not in done]
                first = self._queue[:1]
            for one in (*first, *done):
                one.turn.set()

    def _commit(self, mine: "_Change", *, alone: bool) -> "list[_Change]":
        """Make the changes in one transaction. If one of them ends it, make the first one alone.

        Returns:
            The changes that have an outcome.
        """
        group, are_made = [mine], False
        outcomes: list[Any] = []
        try:
            with self._transaction() as connection:
                if not alone:
                    with self._lock:
                        group = list(self._queue)
                outcomes = [in_savepoint(connection, partial(one.make, connection)) for one in group]
                are_made = True
        except Exception as error:  # noqa: BLE001 - the caller of each change gets it
            if len(group) > 1 and not are_made:
                return self._commit(mine, alone=True)
            outcomes = [error.with_traceback(None)] * len(group)
        for one, outcome in zip(group, outcomes, strict=True):
            one.outcome, one.is_done = outcome, True
        return group


class _Change:
    """A change with the caller that waits for it."""

    def __init__(self, change: Callable[[sqlite3.Connection], Any]) -> None:
        self._change = change
        self._context = copy_context()
        self.turn = threading.Event()
        self.is_done = False
        self.outcome: Any = None

    def make(self, connection: sqlite3.Connection) -> Any:
        return self._context.run(self._make_in_time, connection)

    def _make_in_time(self, connection: sqlite3.Connection) -> Any:
        outcome = self._change(connection)
        deadline.check()  # a request that took too long was answered 503: then write nothing
        return outcome
