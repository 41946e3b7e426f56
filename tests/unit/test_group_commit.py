"""One commit for the changes that wait at the same time, each as if it came alone."""

import gc
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from triggers_api.core import deadline
from triggers_api.errors import ConflictError, DeadlineExceededError, StoreUnavailableError
from triggers_api.store.sqlite import group_commit
from triggers_api.store.sqlite.group_commit import GroupCommit

Change = Callable[[sqlite3.Connection], Any]
_caller = ContextVar("caller", default="nobody")


class File:
    """A table of names, whose first transaction waits until the test lets it go on."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE names (name TEXT PRIMARY KEY)")
        self.may_begin = threading.Event()
        self.sizes: list[int] = []
        self.commit: Callable[[], None] = lambda: None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        assert self.may_begin.wait(30)
        before = len(self.names)
        self.connection.execute("BEGIN")
        try:
            yield self.connection
            self.commit()
            self.connection.execute("COMMIT")
            self.sizes.append(len(self.names) - before)
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    @property
    def names(self) -> list[str]:
        return [name for (name,) in self.connection.execute("SELECT name FROM names ORDER BY rowid")]


@pytest.fixture
def file() -> Iterator[File]:
    file = File()
    yield file
    file.connection.close()


def insert(name: str, connection: sqlite3.Connection) -> str:
    connection.execute("INSERT INTO names VALUES (?)", (name,))
    return f"{name} for {_caller.get()}"


class Callers:
    """Callers that queue one after another while the first transaction has not begun."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._commits = GroupCommit(file.transaction)
        self._pool = ThreadPoolExecutor(20)

    def ask(self, change: Change, *, seconds: float = 60) -> Future[Any]:
        """Make a change in the context of a request."""

        def make() -> Any:
            deadline.start(seconds)
            return self._commits.make(change)

        queued = len(self._commits._queue)
        asked = self._pool.submit(copy_context().run, make)
        end = time.monotonic() + 30
        while len(self._commits._queue) == queued and not asked.done():
            assert time.monotonic() < end
            time.sleep(0.001)
        return asked

    def all_done(self) -> None:
        self._file.may_begin.set()
        self._pool.shutdown()


@pytest.fixture
def callers(file: File) -> Iterator[Callers]:
    callers = Callers(file)
    yield callers
    callers.all_done()


def test_changes_that_wait_are_committed_together_in_order(file: File, callers: Callers) -> None:
    asked = []
    for name in "abcd":
        _caller.set(f"caller {name}")
        asked.append(callers.ask(partial(insert, name)))
    callers.all_done()
    assert [one.result() for one in asked] == [f"{name} for caller {name}" for name in "abcd"]
    assert file.names == list("abcd")
    assert file.sizes == [4]


def test_nothing_is_told_before_the_commit(file: File, callers: Callers) -> None:
    asked = [callers.ask(partial(insert, name)) for name in "ab"]
    told: list[bool] = []
    file.commit = lambda: told.extend(one.done() for one in asked)
    callers.all_done()
    assert told == [False, False]
    assert all(one.done() for one in asked)


def refuse(connection: sqlite3.Connection) -> None:
    insert("refused", connection)
    raise ConflictError("no")


@pytest.mark.parametrize(
    ("bad", "error"), [(refuse, ConflictError), (partial(insert, "a"), sqlite3.IntegrityError)]
)
def test_change_that_fails_is_undone_alone(
    file: File, callers: Callers, bad: Change, error: type[Exception]
) -> None:
    first, second, third = (callers.ask(one) for one in (partial(insert, "a"), bad, partial(insert, "b")))
    callers.all_done()
    assert (first.exception(), third.exception()) == (None, None)
    assert isinstance(second.exception(), error)
    assert file.names == ["a", "b"]
    assert file.sizes == [2]


def out_of_time(connection: sqlite3.Connection) -> None:
    insert("late", connection)
    deadline.start(-1)


def test_change_whose_time_is_up_is_undone_alone(file: File, callers: Callers) -> None:
    asked = [callers.ask(one) for one in (partial(insert, "a"), out_of_time, partial(insert, "b"))]
    callers.all_done()
    assert [type(one.exception()) for one in asked] == [type(None), DeadlineExceededError, type(None)]
    assert file.names == ["a", "b"]


def roll_back(connection: sqlite3.Connection) -> None:
    """Do what SQLite does if the disk is full, or a statement is interrupted."""
    connection.execute("ROLLBACK")
    raise sqlite3.OperationalError("interrupted")


def test_change_that_rolls_back_all_of_them_fails_alone(file: File, callers: Callers) -> None:
    asked = [callers.ask(one) for one in (partial(insert, "a"), roll_back, partial(insert, "b"))]
    callers.all_done()
    assert [type(one.exception()) for one in asked] == [type(None), sqlite3.OperationalError, type(None)]
    assert file.names == ["a", "b"]


@pytest.mark.promise(1)
def test_commit_that_fails_is_told_to_all_and_not_repeated(file: File, callers: Callers) -> None:
    attempts: list[int] = []

    def fail() -> None:
        attempts.append(1)
        raise sqlite3.OperationalError("disk I/O error")

    asked = [callers.ask(partial(insert, name)) for name in "abc"]
    file.commit = fail
    callers.all_done()
    assert [str(one.exception()) for one in asked] == ["disk I/O error"] * 3
    assert (attempts, file.names) == ([1], [])


def test_change_that_waited_too_long_leaves_the_queue(file: File, callers: Callers) -> None:
    first, late = callers.ask(partial(insert, "a")), callers.ask(partial(insert, "late"), seconds=0.05)
    third = callers.ask(partial(insert, "b"))
    with pytest.raises(StoreUnavailableError, match="busy"):
        late.result(timeout=30)
    callers.all_done()
    assert (first.exception(), third.exception()) == (None, None)
    assert file.names == ["a", "b"]


def test_change_whose_caller_has_left_is_not_made(
    file: File, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for as long as a writer waits, and has time left."""
    monkeypatch.setattr(group_commit, "BUSY_SECONDS", 0.25)
    has_left = threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        insert("slow", connection)
        assert has_left.wait(30)

    callers.ask(partial(insert, "a"))
    callers.ask(slow)
    late = callers.ask(partial(insert, "late"))
    file.may_begin.set()
    with pytest.raises(StoreUnavailableError, match="busy"):
        late.result(timeout=30)
    has_left.set()
    callers.all_done()
    assert file.names == ["a", "slow"]


class SlowEvent(threading.Event):
    """Takes its time to be set: a waiter may give up meanwhile."""

    def set(self) -> None:
        time.sleep(0.1)
        super().set()


def test_waiter_that_gives_up_while_it_is_woken_is_not_lost(
    file: File, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "Event", SlowEvent)
    asked = [callers.ask(partial(insert, "a"))]
    asked += [callers.ask(partial(insert, name), seconds=0.3) for name in "bc"]
    time.sleep(0.15)
    file.may_begin.set()
    assert [one.exception(timeout=30) for one in asked] == [None, None, None]
    assert callers.ask(partial(insert, "d")).exception(timeout=30) is None
    assert file.names == list("abcd")


def test_group_that_is_rolled_back_is_not_tried_as_a_group_again(file: File, callers: Callers) -> None:
    runs: list[str] = []

    def counted(name: str, connection: sqlite3.Connection) -> str:
        runs.append(name)
        return insert(name, connection)

    asked = [callers.ask(partial(counted, name)) for name in "abcdef"]
    bad = callers.ask(roll_back)
    callers.all_done()
    assert {one.exception() for one in asked} == {None}
    assert isinstance(bad.exception(), sqlite3.OperationalError)
    assert sorted(runs) == sorted("abcdef" * 2)


def test_failed_change_leaves_nothing_in_memory(file: File) -> None:
    class Payload:
        pass

    def fail(_: Payload, connection: sqlite3.Connection) -> None:
        insert("gone", connection)
        raise ConflictError("no")

    file.may_begin.set()
    commits = GroupCommit(file.transaction)
    payload = Payload()
    gone = weakref.ref(payload)
    gc.disable()
    try:
        try:
            commits.make(partial(fail, payload))
        except ConflictError:
            del payload
        assert gone() is None
    finally:
        gc.enable()


def test_change_whose_time_is_up_before_it_waits_does_not_stop_the_queue(
    file: File, callers: Callers
) -> None:
    late = callers.ask(partial(insert, "late"), seconds=-1)
    asked = callers.ask(partial(insert, "a"))
    callers.all_done()
    assert isinstance(late.exception(), DeadlineExceededError)
    assert asked.exception(timeout=30) is None
    assert file.names == ["a"]


def test_changes_of_many_callers_are_each_made_once(file: File) -> None:
    file.may_begin.set()
    commits = GroupCommit(file.transaction)
    with ThreadPoolExecutor(16) as pool:
        names = [f"{number:04}" for number in range(2000)]
        told = list(pool.map(lambda name: commits.make(partial(insert, name)), names, timeout=60))
    assert sorted(file.names) == names
    assert [one.partition(" ")[0] for one in told] == names
