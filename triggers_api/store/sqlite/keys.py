"""Keys on SQLite: `KeyStore` for one machine."""

from collections.abc import Iterator

from triggers_api.core.keys import KeyRecord, load_key_record
from triggers_api.errors import CorruptRecordError
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.record_table import RecordTable, Values


class SqliteKeyStore:
    """See `KeyStore` for the contract."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = RecordTable(database, "keys", KeyRecord)

    def find(self, digest: str) -> KeyRecord | None:
        """Read one row."""
        values = self._table.find(digest)
        return None if values is None else _load(values)

    def add(self, record: KeyRecord) -> bool:
        """Insert the row if there is none."""
        return self._table.add(record)

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        """Read the table in the order of the digests."""
        for values in self._table.rows():
            try:
                yield _load(values)
            except CorruptRecordError as error:
                yield error

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
                self._table.insert(connection, new)
        return updated == 1


def _load(values: Values) -> KeyRecord:
    digest, is_active = values.pop("digest"), values.pop("is_active")
    return load_key_record(digest, is_active, values)
