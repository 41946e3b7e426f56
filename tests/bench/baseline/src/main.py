"""The baseline of the bench: see ../README.md. Nobody's example."""

import logging
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from botocore.exceptions import ClientError
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from mangum import Mangum

from . import database, models
from .auth import require_key

TTL_SECONDS = 7 * 24 * 3600

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
logger = logging.getLogger("triggers")
logger.setLevel(os.environ.get("LOG_LEVEL", "INFO"))

app = FastAPI(title="Triggers API", version="1.0.0")
app.add_middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
    allow_headers=["Content-Type", "X-API-Key", "X-Request-ID"],
    expose_headers=["X-Request-ID"],
    max_age=3600,
)
ApiKey = Annotated[str, Depends(require_key)]


@app.middleware("http")
async def request_context(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give each request an id, and log it."""
    request.state.request_id = request.headers.get("X-Request-ID") or str(uuid4())
    started = time.perf_counter()
    response = await call_next(request)
    response.headers["X-Request-ID"] = request.state.request_id
    logger.info(
        "request_id=%s method=%s path=%s status=%s duration_ms=%.1f",
        request.state.request_id,
        request.method,
        request.url.path,
        response.status_code,
        (time.perf_counter() - started) * 1000,
    )
    return response


@app.exception_handler(HTTPException)
def on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
    """Answer in the shape of errors."""
    return error_response(request, error.status_code, str(error.detail))


@app.exception_handler(RequestValidationError)
def on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer 400, not FastAPI's 422."""
    return error_response(request, 400, "; ".join(str(one["msg"]) for one in error.errors()))


def error_response(request: Request, status: int, message: str) -> JSONResponse:
    """Return an error's answer."""
    codes = {400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 409: "CONFLICT"}
    error = {
        "code": codes.get(status, "ERROR"),
        "message": message,
        "details": {},
        "request_id": request.state.request_id,
    }
    return JSONResponse({"error": error}, status)


def now() -> str:
    """Return the time, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@app.get("/v1/health", response_model=models.Health)
def health(request: Request) -> Any:
    """Say that the service runs."""
    return {
        "status": "healthy",
        "timestamp": now(),
        "version": app.version,
        "request_id": request.state.request_id,
    }


@app.post("/v1/events", status_code=201, response_model=models.Ingested)
def create_event(request: Request, event: models.EventIn, api_key: ApiKey) -> Any:
    """Keep an event."""
    item = {
        "event_id": str(uuid4()),
        "created_at": now(),
        "status": "pending",
        "ttl": int(time.time()) + TTL_SECONDS,
        **event.model_dump(),
    }
    database.put_event(item)
    return {**item, "message": "Event created", "request_id": request.state.request_id}


@app.get("/v1/inbox", response_model=models.Inbox, response_model_exclude_none=True)
def inbox(
    request: Request,
    api_key: ApiKey,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str | None = None,
    source: str | None = None,
    event_type: str | None = None,
) -> Any:
    """Return pending events."""
    events, following = database.list_pending(limit, cursor, source, event_type)
    return {
        "events": events,
        "pagination": {"limit": limit, "next_cursor": following},
        "request_id": request.state.request_id,
    }


@app.get("/v1/events/{event_id}", response_model=models.EventOut, response_model_exclude_none=True)
def get_event(request: Request, event_id: UUID, api_key: ApiKey) -> Any:
    """Return one event."""
    return {**existing(event_id), "request_id": request.state.request_id}


@app.post("/v1/events/{event_id}/ack", response_model=models.Acknowledged)
def acknowledge_event(request: Request, event_id: UUID, api_key: ApiKey) -> Any:
    """Acknowledge a pending event, once."""
    event = existing(event_id)
    at = now()
    try:
        database.acknowledge(event, at)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise HTTPException(409, "Event is already acknowledged") from error
    return {
        "event_id": str(event_id),
        "status": "acknowledged",
        "acknowledged_at": at,
        "message": "Event acknowledged",
        "request_id": request.state.request_id,
    }


@app.delete("/v1/events/{event_id}", response_model=models.Deleted)
def delete_event(request: Request, event_id: UUID, api_key: ApiKey) -> Any:
    """Delete an event; one that is not there is deleted already."""
    event = database.find_event(str(event_id))
    if event:
        database.delete_event(event)
    return {
        "event_id": str(event_id),
        "message": "Event deleted",
        "request_id": request.state.request_id,
    }


def existing(event_id: UUID) -> dict[str, Any]:
    """Return an event, or 404."""
    event = database.find_event(str(event_id))
    if event is None:
        raise HTTPException(404, "Event not found")
    return event


handler = Mangum(app, lifespan="off")
