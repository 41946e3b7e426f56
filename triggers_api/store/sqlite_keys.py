"""Keys on SQLite: `KeyStore` for one machine."""

from dataclasses import asdict

from triggers_api.core.keys import KeyRecord
from triggers_api.store.sqlite import Database

_COLUMNS = "digest, is_active, created_at, source, name, expires_at, revoked_at, prefix"


class SqliteKeyStore:
    """See `KeyStore` for the contract."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, digest: str) -> KeyRecord | None:
        """Read one row."""
        query = f"SELECT {_COLUMNS} FROM keys WHERE digest = ?"  # noqa: S608 - constants
        with self._database.read("find key") as connection:
            row = connection.execute(query, (digest,)).fetchone()
        if row is None:
            return None
        digest, is_active, *rest = row
        return KeyRecord(digest, {0: False, 1: True}.get(is_active, is_active), *rest)

    def add(self, record: KeyRecord) -> bool:
        """Insert the row where there is none."""
        with self._database.write("add key") as connection:
            inserted = connection.execute(
                f"INSERT OR IGNORE INTO keys ({_COLUMNS}) VALUES (:digest, :is_active, :created_at,"  # noqa: S608
                " :source, :name, :expires_at, :revoked_at, :prefix)",
                asdict(record),
            ).rowcount
        return inserted == 1
