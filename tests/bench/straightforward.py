"""The same contract as one writes it in an afternoon: FastAPI, SQLite, a connection for each thread.

What `triggers dev` is measured against. It is written to be quick where that costs nothing: WAL, one
transaction for each request, and an index for the inbox. Like `triggers dev` it commits with
`synchronous=FULL`, so a 201 is durable. Run it with uvicorn; `STRAIGHTFORWARD_FILE` is its database,
`STRAIGHTFORWARD_KEY` its API key.
"""

import hashlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

FILE, KEY = os.environ["STRAIGHTFORWARD_FILE"], os.environ["STRAIGHTFORWARD_KEY"]
RETENTION_SECONDS = 30 * 86_400
SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (digest TEXT PRIMARY KEY, source TEXT);
CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY, created_at TEXT, source TEXT, event_type TEXT, payload TEXT, metadata TEXT,
    status TEXT, acknowledged_at TEXT, expires_at INTEGER);
CREATE INDEX IF NOT EXISTS inbox ON events (status, event_id);
CREATE TABLE IF NOT EXISTS idempotency (name TEXT PRIMARY KEY, fingerprint TEXT, event_id TEXT);
"""
COLUMNS = "event_id, created_at, source, event_type, payload, metadata, status, acknowledged_at"

_thread = threading.local()


def connection() -> sqlite3.Connection:
    """Return the connection of this thread."""
    if not hasattr(_thread, "connection"):
        opened = sqlite3.connect(FILE, timeout=30, isolation_level=None)
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("PRAGMA synchronous = FULL")
        _thread.connection = opened
    found: sqlite3.Connection = _thread.connection
    return found


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Commit at the end, or roll back."""
    opened = connection()
    opened.execute("BEGIN IMMEDIATE")
    try:
        yield opened
        opened.execute("COMMIT")
    finally:
        if opened.in_transaction:
            opened.execute("ROLLBACK")


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def source_of_key(key: Annotated[str | None, Header(alias="X-API-Key")] = None) -> str | None:
    """Return the source that a key is bound to, None for all of them."""
    row = connection().execute("SELECT source FROM keys WHERE digest = ?", (digest_of(key or ""),)).fetchone()
    if row is None:
        raise HTTPException(401, "The API key is not valid.")
    source: str | None = row[0]
    return source


class Metadata(BaseModel):
    """What may be said about an event."""

    model_config = ConfigDict(extra="forbid")
    correlation_id: str | None = Field(None, max_length=256)
    priority: Literal["low", "normal", "high"] = "normal"
    idempotency_key: str | None = Field(None, min_length=1, max_length=256)


class NewEvent(BaseModel):
    """The body of an ingest."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(pattern=r"^[A-Za-z0-9._:/-]{1,128}$")
    event_type: str = Field(pattern=r"^[A-Za-z0-9._:/-]{1,128}$")
    payload: dict[str, Any]
    metadata: Metadata = Metadata()


class Batch(BaseModel):
    """The body of a batch."""

    events: list[NewEvent] = Field(min_length=1, max_length=100)


Source = Annotated[str | None, Depends(source_of_key)]
app = FastAPI()
with sqlite3.connect(FILE) as _first:
    _first.executescript(SCHEMA)
    _first.execute("INSERT OR IGNORE INTO keys VALUES (?, NULL)", (digest_of(KEY),))


def now() -> str:
    """Return the time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def insert(
    opened: sqlite3.Connection, event: NewEvent, source: str | None, key: str | None
) -> dict[str, Any]:
    """Store an event, unless its idempotency key was used for the same one before."""
    if source not in {None, event.source}:
        raise HTTPException(403, "This key is for another source.")
    key = key or event.metadata.idempotency_key
    event_id, created_at = f"{time.time_ns() // 1_000_000:012x}-{uuid.uuid4()}", now()
    payload = json.dumps(event.payload, separators=(",", ":"))
    if key is not None:
        name, fingerprint = f"{event.source} {key}", digest_of(event.event_type + payload)
        query = "SELECT fingerprint, event_id FROM idempotency WHERE name = ?"
        earlier = opened.execute(query, (name,)).fetchone()
        if earlier is not None:
            if earlier[0] != fingerprint:
                raise HTTPException(422, "This idempotency key was used for another event.")
            return {"event_id": earlier[1], "status": "pending"}
        opened.execute("INSERT INTO idempotency VALUES (?, ?, ?)", (name, fingerprint, event_id))
    metadata = event.metadata.model_dump_json(exclude_none=True)
    values = (event_id, created_at, event.source, event.event_type, payload, metadata, "pending", None)
    expires_at = int(time.time()) + RETENTION_SECONDS
    opened.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, expires_at))
    return {"event_id": event_id, "created_at": created_at, "status": "pending", "message": "Event stored."}


def shown(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return an event as it is answered."""
    event = dict(zip(COLUMNS.split(", "), row, strict=True))
    return {**event, "payload": json.loads(event["payload"]), "metadata": json.loads(event["metadata"])}


@app.get("/v1/health")
def health() -> dict[str, str]:
    """Answer that the service runs."""
    return {"status": "healthy"}


@app.post("/v1/events", status_code=201)
def ingest(
    event: NewEvent, source: Source, key: Annotated[str | None, Header(alias="Idempotency-Key")] = None
) -> dict[str, Any]:
    """Store an event."""
    with transaction() as opened:
        return insert(opened, event, source, key)


@app.post("/v1/events/batch")
def ingest_batch(batch: Batch, source: Source) -> dict[str, Any]:
    """Store events, all of them or none."""
    with transaction() as opened:
        return {"results": [insert(opened, event, source, None) for event in batch.events]}


@app.get("/v1/events/{event_id}")
def get(event_id: str, source: Source) -> dict[str, Any]:
    """Return an event."""
    query = (
        f"SELECT {COLUMNS} FROM events WHERE event_id = ? AND expires_at > ? AND (? IS NULL OR source = ?)"
    )
    row = connection().execute(query, (event_id, int(time.time()), source, source)).fetchone()
    if row is None:
        raise HTTPException(404, "There is no such event.")
    return shown(row)


@app.get("/v1/inbox")
def inbox(
    source: Source, limit: Annotated[int, Query(ge=1, le=100)] = 50, cursor: str = ""
) -> dict[str, Any]:
    """Return a page of pending events, oldest first."""
    query = (
        f"SELECT {COLUMNS} FROM events WHERE status = 'pending' AND event_id > ? AND expires_at > ?"
        " AND (? IS NULL OR source = ?) ORDER BY event_id LIMIT ?"
    )
    values = (cursor, int(time.time()), source, source, limit)
    events = [shown(row) for row in connection().execute(query, values)]
    return {"events": events, "next_cursor": events[-1]["event_id"] if len(events) == limit else None}


@app.post("/v1/events/{event_id}/ack")
def acknowledge(event_id: str, source: Source) -> dict[str, Any]:
    """Acknowledge an event, once."""
    at = now()
    with transaction() as opened:
        done = opened.execute(
            "UPDATE events SET status = 'acknowledged', acknowledged_at = ?"
            " WHERE event_id = ? AND status = 'pending' AND (? IS NULL OR source = ?)",
            (at, event_id, source, source),
        ).rowcount
    if not done:
        raise HTTPException(409, "This event is already acknowledged.")
    return {"event_id": event_id, "status": "acknowledged", "acknowledged_at": at}


@app.delete("/v1/events/{event_id}")
def delete(event_id: str, source: Source) -> dict[str, Any]:
    """Delete an event."""
    with transaction() as opened:
        opened.execute(
            "DELETE FROM events WHERE event_id = ? AND (? IS NULL OR source = ?)", (event_id, source, source)
        )
    return {"event_id": event_id, "deleted": True}
