"""The composition root: settings, then stores, then the app, then Lambda's handler.

`app` is for an ASGI server, `handler` for Lambda. Importing this module opens no file and makes no call; a
setting that is wrong ends the process here, with one line that names the variable.

Two things are done before the imports, and undone at the end, for a faster cold start. Both could be left
out, and nothing else would change; a test notices where they do nothing any more.
"""

import gc

# Nearly all that is made here stays: to look through it again and again was more than a tenth of the time.
gc.disable()

from pydantic import BaseModel

# FastAPI defines some forty models of OpenAPI, of which no request needs one. Each model, ours too, is built
# at its first use now: 8 % fewer instructions.
BaseModel.model_config["defer_build"] = True

import asyncio
import importlib.util
import os
import sys
from pathlib import Path

from mangum import Mangum

from triggers_api.api import logs
from triggers_api.api.app import create_app
from triggers_api.api.auth import Authenticator
from triggers_api.api.lambda_event import guarded
from triggers_api.api.service import Service
from triggers_api.core.events import EventStore
from triggers_api.core.ids import EventIds
from triggers_api.core.inbox import Inbox
from triggers_api.core.keys import KeyStore
from triggers_api.core.times import system_clock
from triggers_api.errors import ConfigurationError
from triggers_api.settings import Settings


def build_stores(settings: Settings) -> tuple[EventStore, KeyStore]:
    """Return the two stores; an adapter that is not used is not imported."""
    if settings.table_events and settings.table_keys:
        from triggers_api.store.dynamodb.client import DynamoDB  # noqa: PLC0415 - only where it is used
        from triggers_api.store.dynamodb.events import DynamoEventStore  # noqa: PLC0415 - only where it is used
        from triggers_api.store.dynamodb.keys import DynamoKeyStore  # noqa: PLC0415 - only where it is used

        dynamodb = DynamoDB(region=settings.region, endpoint_url=settings.dynamodb_endpoint_url)
        return DynamoEventStore(dynamodb, settings.table_events), DynamoKeyStore(
            dynamodb, settings.table_keys
        )

    from triggers_api.store.sqlite.database import Database  # noqa: PLC0415 - only where it is used
    from triggers_api.store.sqlite.events import SqliteEventStore  # noqa: PLC0415 - only where it is used
    from triggers_api.store.sqlite.keys import SqliteKeyStore  # noqa: PLC0415 - only where it is used

    database = Database(settings.sqlite_folder)
    return SqliteEventStore(database), SqliteKeyStore(database)


def build_service(settings: Settings) -> Service:
    """Return the service over the stores that the settings name."""
    events, keys = build_stores(settings)
    return Service(
        inbox=Inbox(events, ids=EventIds(), clock=system_clock, event_ttl_days=settings.event_ttl_days),
        authenticator=Authenticator(
            keys,
            accept_local_key=settings.auth_mode == "local",
            cache_seconds=settings.auth_cache_seconds,
            clock=system_clock,
        ),
        clock=system_clock,
        in_threads=not settings.in_lambda,
    )


def docs_assets() -> Path | None:
    """Return the folder with Swagger UI; None in the Lambda, whose artifact does not carry it."""
    package = importlib.util.find_spec("fastapi_offline")
    return Path(package.origin).parent / "static" if package and package.origin else None


def set_event_loop() -> None:
    """Make the event loop that Mangum asks for: from Python 3.12 on it warns, or fails, to find none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


try:
    settings = Settings.from_environment(os.environ)
    service = build_service(settings)
except ConfigurationError as error:
    sys.exit(f"triggers-api: {error.message} ({error.reason}) {error.hint}".replace(" ()", ""))

logs.configure(settings.log_level, in_lambda=settings.in_lambda)
set_event_loop()
app = create_app(service, cors_allow_origin=settings.cors_allow_origin, docs_assets=docs_assets())
handler = guarded(Mangum(app, lifespan="off"), cors_allow_origin=settings.cors_allow_origin)

del BaseModel.model_config["defer_build"]  # models that others define in this process are theirs
gc.freeze()  # the collector leaves all that is there alone, for good
gc.enable()
