"""Random histories of clients, an operator and the clock: every answer of the service matches the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.api.driver import Api
from tests.conftest import REGION, Stores, Tables
from tests.promises.machine import MAX_DELIVERIES
from tests.promises.operator_rules import OperatorRules
from tests.promises.services import stores_at
from tests.support.clock import FakeClock
from tests.support.forms import examples
from tests.support.promises import Tried
from tests.support.tables import empty
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore
from triggers_api.store.sqlite.hooks import SqliteHookStore
from triggers_api.store.sqlite.keys import SqliteKeyStore

STEPS = 80

pytestmark = [
    pytest.mark.promise(1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16, 17),
    pytest.mark.forms,
    pytest.mark.timeout(3600),
]


class History(OperatorRules):
    """All rules. A subclass chooses the stores and the door."""


def run(machine: type[History], tried: Tried, *, quick: int, full: int, long: int) -> None:
    form = settings(examples(quick=quick, full=full, long=long), stateful_step_count=STEPS, print_blob=True)
    try:
        run_state_machine_as_test(machine, settings=form)
    finally:
        tried(machine.calls)


def test_every_answer_on_sqlite_matches_the_model(tmp_path: Path, tried: Tried) -> None:
    class OnSqlite(History):
        @contextmanager
        def stores(self) -> Iterator[Stores]:
            with TemporaryDirectory(dir=tmp_path) as folder:
                database = Database(Path(folder))
                try:
                    events = SqliteEventStore(database, clock=self.clock, monotonic=self.clock.monotonic)
                    yield Stores(events, SqliteKeyStore(database), SqliteHookStore(database))
                finally:
                    database.close()

        def api_over(self, stores: Stores, clock: FakeClock) -> Api:
            return Api(stores, clock, door="asgi", max_deliveries=MAX_DELIVERIES)

    run(OnSqlite, tried, quick=6, full=30, long=400)


def test_every_answer_on_dynamodb_matches_the_model(fresh_tables: Tables, tried: Tried) -> None:
    resource = boto3.resource("dynamodb", endpoint_url=fresh_tables.endpoint_url, region_name=REGION)
    of_tables = stores_at(fresh_tables.endpoint_url, fresh_tables)

    class OnDynamoDB(History):
        @contextmanager
        def stores(self) -> Iterator[Stores]:
            try:
                yield of_tables
            finally:
                empty(resource.Table(fresh_tables.events), "event_id", "created_at")
                empty(resource.Table(fresh_tables.keys), "api_key")

        def api_over(self, stores: Stores, clock: FakeClock) -> Api:
            return Api(stores, clock, door="lambda", max_deliveries=MAX_DELIVERIES)

    run(OnDynamoDB, tried, quick=3, full=20, long=300)
