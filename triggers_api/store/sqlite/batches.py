"""Several changes in one transaction, each as if it came alone."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from triggers_api.core import deadline, turns
from triggers_api.errors import StoreUnavailableError, TriggersError

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")


def change_each(
    connection: sqlite3.Connection,
    entries: Sequence[Entry],
    change: Callable[[sqlite3.Connection, Entry], Outcome],
    failure: Callable[[sqlite3.Error], StoreUnavailableError],
) -> list[Outcome | TriggersError]:
    """Make a change for each entry, in a savepoint. Return what it returns or raises, in order.

    Args:
        connection: A connection in a transaction.
        entries: The entries.
        change: Makes the change of one entry.
        failure: Logs an error of SQLite that fails one entry, and returns the outcome of the entry.

    Raises:
        DeadlineExceededError: The request's time is up.
        sqlite3.Error: SQLite has rolled the transaction back.
    """
    outcomes: list[Outcome | TriggersError] = []
    for entry in entries:
        deadline.check()
        turns.give_way()
        outcome = in_savepoint(connection, "entry", partial(change, connection, entry))
        outcomes.append(failure(outcome) if isinstance(outcome, sqlite3.Error) else outcome)
    return outcomes


def in_savepoint(
    connection: sqlite3.Connection, name: str, change: Callable[[], Outcome]
) -> Outcome | TriggersError | sqlite3.Error:
    """Make a change in a savepoint of a name. Return what it returns, or the error for which it was undone.

    Raises:
        sqlite3.Error: SQLite has rolled the transaction back.
    """
    outcome: Outcome | TriggersError | sqlite3.Error
    connection.execute(f"SAVEPOINT {name}")
    try:
        outcome = change()
    except (TriggersError, sqlite3.Error) as error:
        if not connection.in_transaction:
            raise  # a full disk or a passed deadline has rolled back all changes
        connection.execute(f"ROLLBACK TO {name}")
        outcome = error.with_traceback(None)  # else a cycle with this frame would keep the entry in memory
    connection.execute(f"RELEASE {name}")
    return outcome
