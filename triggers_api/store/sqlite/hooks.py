"""Hooks on SQLite: `HookStore` for one machine."""

from collections.abc import Iterator

from triggers_api.core.hooks.records import HookRecord, load_hook_record
from triggers_api.errors import CorruptRecordError
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.record_table import RecordTable


class SqliteHookStore:
    """See `HookStore` for the contract."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = RecordTable(database, "hooks", HookRecord)

    def find(self, digest: str) -> HookRecord | None:
        """Read one row."""
        values = self._table.find(digest)
        return None if values is None else load_hook_record(values)

    def add(self, record: HookRecord) -> bool:
        """Insert the row if there is none."""
        return self._table.add(record)

    def list(self) -> Iterator[HookRecord | CorruptRecordError]:
        """Read the table in the order of the digests."""
        for values in self._table.rows():
            try:
                yield load_hook_record(values)
            except CorruptRecordError as error:
                yield error

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
