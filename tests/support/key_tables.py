"""Key tables of any size on DynamoDB Local, and the memory that listing them takes."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from tests.conftest import REGION
from tests.support.key_commands import KeyCommands, on_table
from triggers_api.core.keys import digest_of
from triggers_api.ops.dev_tables import create_missing_tables


def make_tables(url: str, stage: str) -> KeyCommands:
    names = {kind: f"triggers-api-{kind}-{stage}" for kind in ("events", "keys")}
    create_missing_tables(endpoint_url=url, region=REGION, events=names["events"], keys=names["keys"])
    return on_table(stage, url)


def fill(keys: KeyCommands, number: int) -> set[str]:
    """Write keys as `create` does, with names that make the table several pages long."""
    client = boto3.client(
        "dynamodb", endpoint_url=keys.variables["DYNAMODB_ENDPOINT_URL"], region_name=REGION
    )
    table = f"triggers-api-keys-{keys.stage}"
    texts = {"created_at": "2026-01-02T03:04:05.000006Z", "name": "n" * 100, "source": "s" * 100}
    rest: dict[str, Any] = {name: {"S": text} for name, text in texts.items()} | {"is_active": {"BOOL": True}}
    digests = [digest_of(f"key number {index}") for index in range(number)]
    puts = [{"PutRequest": {"Item": {"api_key": {"S": digest}, **rest}}} for digest in digests]
    with ThreadPoolExecutor(4) as pool:
        batches: list[Any] = [puts[start : start + 25] for start in range(0, number, 25)]
        list(pool.map(lambda batch: client.batch_write_item(RequestItems={table: batch}), batches))
    client.close()
    return {digest.removeprefix("sha256:")[:12] for digest in digests}


def peak_of_list(keys: KeyCommands, output: Path) -> int:
    """Run `list`, its answer in a file, and return the most memory that it had, in KiB."""
    with output.open("wb") as stdout:
        actions = [(os.POSIX_SPAWN_DUP2, stdout.fileno(), 1)]
        line = keys.line("list", "--json")
        pid = os.posix_spawn(line[0], line, keys.environment, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_maxrss
