"""What every measurement works with: the two subjects, built, and tables for each on one DynamoDB Local."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.bench.subjects import ENTRIES, Subject, build_baseline, build_product, lambda_variables
from tests.bench.tls import in_front_of, make_certificate, trust
from tests.support import dynamodb_local
from tests.support.rehearsal import REGION
from triggers_api.core.access import Scope
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.ops.dev_tables import events_table, keys_table
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.keys import DynamoKeyStore


@dataclass(frozen=True)
class Bench:
    """A bench that is set up. `quick`: fewer runs, smaller backlogs."""

    product: Subject
    baseline: Subject
    dynamodb_url: str
    """Without TLS, which the subjects have in between."""
    folder: Path
    """For what a measurement writes."""
    quick: bool

    def rounds(self, full: int, quick: int) -> int:
        """Return how often a measurement is repeated."""
        return quick if self.quick else full


@contextmanager
def set_up(folder: Path, *, quick: bool) -> Iterator[Bench]:
    """Build both artifacts, start DynamoDB Local, make tables and keys."""
    certificate = make_certificate(folder)
    with (
        ThreadPoolExecutor() as pool,
        dynamodb_local.running() as url,
        in_front_of(url, certificate) as tls_url,
    ):
        building = pool.submit(build_baseline, folder / "baseline")
        product, baseline = build_product(folder / "product"), building.result()
        for artifact in (product, baseline):
            trust(artifact, certificate)
        yield Bench(
            product_subject(product, url, tls_url),
            baseline_subject(baseline, url, tls_url),
            url,
            folder,
            quick,
        )


def product_subject(
    artifact: Path, url: str, through: str, stage: str = "product", *, shards: int = 1
) -> Subject:
    """Return the product over tables of its own, which it reaches through a URL of its own."""
    tables = make_tables(url, stage)
    key = generate("prod")
    store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=url), tables["keys"])
    store.add(KeyRecord(digest_of(key), is_active=True, scopes=" ".join(Scope)))
    own = {"INBOX_SHARDS": str(shards), "INBOX_SHARDS_READ": str(shards)}
    variables = lambda_variables(endpoint_url=through, **tables) | own
    entry = str(ENTRIES / "product_without_store.py")
    return Subject("product", artifact, "triggers_api.main", entry, key, variables)


def baseline_subject(artifact: Path, url: str, through: str, stage: str = "baseline") -> Subject:
    """Return the baseline over tables of its own; it keeps keys in clear."""
    tables = make_tables(url, stage)
    key = generate("prod")
    keep_in_clear(url, tables["keys"], key)
    variables = lambda_variables(endpoint_url=through, **tables)
    entry = str(ENTRIES / "baseline_without_store.py")
    return Subject("baseline", artifact, "src.main", entry, key, variables)


def keep_in_clear(url: str, table: str, key: str) -> None:
    """Put a key into a table as the baseline looks it up."""
    dynamodb = client(url)
    dynamodb.put_item(TableName=table, Item={"api_key": {"S": key}, "is_active": {"BOOL": True}})
    dynamodb.close()


def make_tables(url: str, stage: str) -> dict[str, str]:
    """Make both tables as the stack does, and return their names; a busy machine has time for it."""
    names = {kind: f"triggers-api-{kind}-{stage}" for kind in ("events", "keys")}
    dynamodb = client(url)
    for definition in (events_table(names["events"]), keys_table(names["keys"])):
        dynamodb.create_table(**definition)
        waiter = dynamodb.get_waiter("table_exists")
        waiter.wait(TableName=definition["TableName"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    dynamodb.close()
    return names


def client(url: str) -> Any:
    """Return a client of DynamoDB Local."""
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )
