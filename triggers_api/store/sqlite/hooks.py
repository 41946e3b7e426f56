"""Hooks on SQLite: `HookStore` for one machine."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from triggers_api.core.hooks.records import HookRecord, load_hook_record
from triggers_api.errors import CorruptRecordError
from triggers_api.store.sqlite.database import Database

_FIELDS = [field.name for field in fields(HookRecord)]
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO hooks ({_COLUMNS}) VALUES ({', '.join(f':{name}' for name in _FIELDS)})"  # noqa: S608 - constants
_ROWS_PER_READ = 500


class SqliteHookStore:
    """See `HookStore` for the contract."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, digest: str) -> HookRecord | None:
        """Read one row."""
        query = f"SELECT {_COLUMNS} FROM hooks WHERE digest = ?"  # noqa: S608 - constants
        with self._database.read("find hook") as connection:
            row = connection.execute(query, (digest,)).fetchone()
        return None if row is None else _load_row(row)

    def add(self, record: HookRecord) -> bool:
        """Insert the row if there is none."""
        with self._database.write("add hook") as connection:
            inserted = connection.execute(f"{_INSERT} ON CONFLICT DO NOTHING", asdict(record)).rowcount
        return inserted == 1

    def list(self) -> Iterator[HookRecord | CorruptRecordError]:
        """Read the table in the order of the digests, some rows at a time."""
        last = ""
        while True:
            query = f"SELECT {_COLUMNS} FROM hooks WHERE digest > ? ORDER BY digest LIMIT ?"  # noqa: S608 - constants
            with self._database.read("list hooks") as connection:
                rows = connection.execute(query, (last, _ROWS_PER_READ)).fetchall()
            for row in rows:
                try:
                    yield _load_row(row)
                except CorruptRecordError as error:
                    yield error
            if len(rows) < _ROWS_PER_READ:
                return
            last = rows[-1][0]

    def revoke(self, digest: str, *, at: str) -> bool:
        """Update the row. Doing it again changes nothing."""
        with self._database.write("revoke hook") as connection:
            updated = connection.execute(
                "UPDATE hooks SET is_active = 0, secret = NULL, old_secret = NULL, "
                "revoked_at = coalesce(revoked_at, ?) WHERE digest = ?",
                (at, digest),
            ).rowcount
        return updated == 1

    def rotate(self, old: HookRecord, *, secret: str, old_secret_expires_at: str) -> bool:
        """Update the row."""
        with self._database.write("rotate hook") as connection:
            updated = connection.execute(
                "UPDATE hooks SET secret = ?, old_secret = secret, old_secret_expires_at = ? "
                "WHERE digest = ? AND is_active = 1 AND secret IS ?",
                (secret, old_secret_expires_at, old.digest, old.secret),
            ).rowcount
        return updated == 1


def _load_row(row: tuple[Any, ...]) -> HookRecord:
    values = dict(zip(_FIELDS, row, strict=True))
    return load_hook_record(values | {"is_active": {0: False, 1: True}.get(values["is_active"])})
