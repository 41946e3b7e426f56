"""A bare endpoint behind Mangum: FastAPI's own price for one validated body, and nothing of the service."""

from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel


class Submission(BaseModel):
    """The fields of an ingest."""

    source: str
    event_type: str
    payload: dict[str, Any]
    metadata: dict[str, Any] | None = None


app = FastAPI()


@app.post("/v1/events", status_code=201)
async def ingest(submission: Submission) -> dict[str, str]:
    """Answer as an ingest does."""
    return {
        "event_id": "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34",
        "created_at": "2026-01-02T03:04:05.000006Z",
        "status": "pending",
        "message": submission.event_type,
        "request_id": "8f1f8f6e-2f0d-4f7e-9a0b-1d2c3b4a5968",
    }


handler = Mangum(app, lifespan="off")
