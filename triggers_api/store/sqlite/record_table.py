"""A table of records by their digests: that of the API keys, and that of the hooks."""

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.keys import KeyRecord
from triggers_api.store.sqlite.database import Database

Record = KeyRecord | HookRecord
Values = dict[str, Any]

_ROWS_PER_READ = 500


class RecordTable:
    """The statements that both stores need. The columns are the fields of the record.

    Args:
        database: The file.
        name: The table.
        kind: The records.
    """

    def __init__(self, database: Database, name: str, kind: type[Record]) -> None:
        self._database = database
        self._name = name
        self._fields = [field.name for field in fields(kind)]
        columns, values = ", ".join(self._fields), ", ".join(f":{name}" for name in self._fields)
        self._select = f"SELECT {columns} FROM {name}"  # noqa: S608 - constants
        self._insert = f"INSERT INTO {name} ({columns}) VALUES ({values})"  # noqa: S608 - constants

    def find(self, digest: str) -> Values | None:
        """Return the values of a row by the names of the fields, None if there is none."""
        with self._database.read(f"find in {self._name}") as connection:
            row = connection.execute(f"{self._select} WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else self._values_of(row)

    def add(self, record: Record) -> bool:
        """Insert a row if there is none with its digest. Return whether it was inserted."""
        with self._database.write(f"add to {self._name}") as connection:
            inserted = connection.execute(f"{self._insert} ON CONFLICT DO NOTHING", asdict(record)).rowcount
        return inserted == 1

    def insert(self, connection: sqlite3.Connection, record: Record) -> None:
        """Insert a row in a transaction."""
        connection.execute(self._insert, asdict(record))

    def rows(self) -> Iterator[Values]:
        """Read the table in the order of the digests, some rows at a time."""
        last = ""
        while True:
            with self._database.read(f"list {self._name}") as connection:
                query = f"{self._select} WHERE digest > ? ORDER BY digest LIMIT ?"
                rows = connection.execute(query, (last, _ROWS_PER_READ)).fetchall()
            yield from map(self._values_of, rows)
            if len(rows) < _ROWS_PER_READ:
                return
            last = rows[-1][0]

    def _values_of(self, row: tuple[Any, ...]) -> Values:
        values = dict(zip(self._fields, row, strict=True))
        return values | {"is_active": {0: False, 1: True}.get(values["is_active"], values["is_active"])}
