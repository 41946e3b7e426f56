"""Build the service and its app from settings: the one place that joins the API to a store.

`main`, `triggers dev` and the tests call these functions. Building opens no file and makes no call.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from triggers_api.api.authenticator import Authenticator
from triggers_api.api.boundary import RequestBoundary
from triggers_api.api.docs import docs_router
from triggers_api.api.errors import on_error, on_routing_error
from triggers_api.api.hook_finder import HookFinder
from triggers_api.api.openapi import build_document
from triggers_api.api.service import Service
from triggers_api.api.v1 import events, health, hooks, inbox, maintenance, queue
from triggers_api.api.web_access import PublicAccess, WebAccess
from triggers_api.api.workers import Workers
from triggers_api.core.hooks.receiving import HookIntake
from triggers_api.core.ids import EventIds
from triggers_api.core.inbox import Inbox
from triggers_api.core.intake import Intake
from triggers_api.core.maintenance import Maintenance
from triggers_api.core.ports import EventStore, HookStore, KeyStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import Clock, monotonic_clock, system_clock
from triggers_api.errors import TriggersError
from triggers_api.settings import Settings

V1_ROUTES: Sequence[BaseRoute] = (
    *health.router.routes,
    *events.router.routes,
    *inbox.router.routes,
    *queue.router.routes,
    *maintenance.router.routes,
    *hooks.router.routes,
)
"""The endpoints of the contract. Routes, not routers: FastAPI would build a router's routes twice."""

_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""FastAPI's telemetry would hand paths and rejected input to any provider that the process has set up."""


class Stores(NamedTuple):
    """The stores of one backend."""

    events: EventStore
    keys: KeyStore
    hooks: HookStore


def build_service(
    settings: Settings,
    *,
    stores: Stores | None = None,
    clock: Clock = system_clock,
    monotonic: Clock = monotonic_clock,
) -> Service:
    """Return the service over the stores that the settings name, or over `stores`.

    Raises:
        ConfigurationError: The AWS or network settings of the environment cannot be used.
    """
    events, keys, hook_records = stores or _build_stores(settings)
    retention = Retention(settings.event_ttl_days)
    ids = EventIds(clock)
    return Service(
        intake=Intake(events, ids=ids, clock=clock, retention=retention),
        inbox=Inbox(events, clock=clock, retention=retention, max_deliveries=settings.max_deliveries),
        maintenance=Maintenance(events, clock=clock, retention=retention),
        authenticator=Authenticator(
            keys,
            accept_local_key=settings.auth_mode == "local",
            cache_seconds=settings.auth_cache_seconds,
            clock=clock,
            monotonic=monotonic,
        ),
        hook_intake=HookIntake(events, ids=ids, clock=clock, retention=retention),
        hooks=HookFinder(
            hook_records, cache_seconds=settings.auth_cache_seconds, clock=clock, monotonic=monotonic
        ),
        clock=clock,
        workers=None if settings.in_lambda else Workers(),
    )


def build_app(
    settings: Settings,
    *,
    service: Service | None = None,
    docs_assets: Path | None = None,
    access: WebAccess | None = None,
    compress: bool = False,
) -> FastAPI:
    """Return the app for `service`, or for a new service built from the settings.

    Args:
        settings: The settings of the service.
        service: An existing service, instead of a new one.
        docs_assets: A folder with Swagger UI, see `docs_router`.
        access: Which web pages may use the service. By default it follows from the settings: every page may,
            or those of `CORS_ALLOW_ORIGIN`.
        compress: Compress answers for clients that accept it. On AWS the gateway does.

    Raises:
        ConfigurationError: The AWS or network settings of the environment cannot be used.
    """
    middleware = [Middleware(RequestBoundary, access=access or PublicAccess(settings.cors_allow_origin))]
    if compress:
        from triggers_api.api.dev_compression import CompressedAnswers  # noqa: PLC0415 - not in the Lambda

        middleware.append(Middleware(CompressedAnswers))
    app = _App(
        title="Triggers API",
        routes=[*V1_ROUTES, *docs_router(docs_assets).routes],
        middleware=middleware,
        exception_handlers={TriggersError: on_error, HTTPException: on_routing_error},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.service = service or build_service(settings)
    return app


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document. It is built at its first request, to keep cold starts fast."""
        if self.openapi_schema is None:
            self.openapi_schema = build_document(V1_ROUTES)
        return self.openapi_schema


def _build_stores(settings: Settings) -> Stores:
    """Return the stores of the backend that the settings name. The other backend is not imported."""
    if settings.table_events and settings.table_keys:
        from triggers_api.store.dynamodb.client import DynamoDB  # noqa: PLC0415 - one backend
        from triggers_api.store.dynamodb.events import DynamoEventStore  # noqa: PLC0415 - one backend
        from triggers_api.store.dynamodb.hooks import DynamoHookStore  # noqa: PLC0415 - one backend
        from triggers_api.store.dynamodb.keys import DynamoKeyStore  # noqa: PLC0415 - one backend
        from triggers_api.store.dynamodb.shards import Shards  # noqa: PLC0415 - one backend

        dynamodb = DynamoDB(region=settings.region, endpoint_url=settings.dynamodb_endpoint_url)
        # To read fewer shards than are written would hide events.
        shards = Shards(settings.inbox_shards, max(settings.inbox_shards, settings.inbox_shards_read))
        return Stores(
            DynamoEventStore(dynamodb, settings.table_events, shards),
            DynamoKeyStore(dynamodb, settings.table_keys),
            DynamoHookStore(dynamodb, settings.table_keys),
        )

    from triggers_api.store.sqlite.database import Database  # noqa: PLC0415 - one backend
    from triggers_api.store.sqlite.events import SqliteEventStore  # noqa: PLC0415 - one backend
    from triggers_api.store.sqlite.hooks import SqliteHookStore  # noqa: PLC0415 - one backend
    from triggers_api.store.sqlite.keys import SqliteKeyStore  # noqa: PLC0415 - one backend

    database = Database(settings.sqlite_folder)
    return Stores(SqliteEventStore(database), SqliteKeyStore(database), SqliteHookStore(database))
