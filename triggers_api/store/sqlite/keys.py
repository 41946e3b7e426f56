"""Keys on SQLite: `KeyStore` for one machine."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from triggers_api.core.keys import KeyRecord, load_key_record
from triggers_api.errors import CorruptRecordError
from triggers_api.store.sqlite.database import Database

_FIELDS = [field.name for field in fields(KeyRecord)]
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO keys ({_COLUMNS}) VALUES ({', '.join(f':{name}' for name in _FIELDS)})"  # noqa: S608 - constants
_ROWS_PER_READ = 500


class SqliteKeyStore:
    """See `KeyStore` for the contract."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, digest: str) -> KeyRecord | None:
        """Read one row."""
        query = f"SELECT {_COLUMNS} FROM keys WHERE digest = ?"  # noqa: S608 - constants
        with self._database.read("find key") as connection:
            row = connection.execute(query, (digest,)).fetchone()
        return None if row is None else _load_row(row)

    def add(self, record: KeyRecord) -> bool:
        """Insert the row if there is none."""
        with self._database.write("add key") as connection:
            inserted = connection.execute(f"{_INSERT} ON CONFLICT DO NOTHING", asdict(record)).rowcount
        return inserted == 1

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        """Read the table in the order of the digests, some rows at a time."""
        last = ""
        while True:
            query = f"SELECT {_COLUMNS} FROM keys WHERE digest > ? ORDER BY digest LIMIT ?"  # noqa: S608 - constants
            with self._database.read("list keys") as connection:
                rows = connection.execute(query, (last, _ROWS_PER_READ)).fetchall()
            for row in rows:
                try:
                    yield _load_row(row)
                except CorruptRecordError as error:
                    yield error
            if len(rows) < _ROWS_PER_READ:
                return
            last = rows[-1][0]

    def revoke(self, digest: str, *, at: str) -> KeyRecord | None:
        """Update the row. Doing it again changes nothing."""
        with self._database.write("revoke key") as connection:
            updated = connection.execute(
                "UPDATE keys SET is_active = 0, revoked_at = coalesce(revoked_at, ?) WHERE digest = ?",
                (at, digest),
            ).rowcount
        try:
            return self.find(digest) if updated else None
        except CorruptRecordError:
            return KeyRecord(digest, is_active=False, revoked_at=at)

    def rotate(self, old: KeyRecord, new: KeyRecord, *, old_expires_at: str) -> bool:
        """Update the one row and insert the other in one transaction."""
        with self._database.write("rotate key") as connection:
            updated = connection.execute(
                "UPDATE keys SET expires_at = ? WHERE digest = ? AND is_active = 1 AND expires_at IS ?",
                (old_expires_at, old.digest, old.expires_at),
            ).rowcount
            if updated:
                connection.execute(_INSERT, asdict(new))
        return updated == 1


def _load_row(row: tuple[Any, ...]) -> KeyRecord:
    values = dict(zip(_FIELDS, row, strict=True))
    digest, is_active = values.pop("digest"), values.pop("is_active")
    return load_key_record(digest, {0: False, 1: True}.get(is_active, is_active), values)
