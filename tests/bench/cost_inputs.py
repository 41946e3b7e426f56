"""What costs are computed from: figures of the bench, and prices and assumptions that anybody may replace."""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.toml")

_NOT_ZERO = {
    "memory_mb_of_one_vcpu",
    "vcpu_ms_per_measured_ms",
    "dynamodb_calls_at_a_time",
    "write_units_of_a_partition_per_second",
}


class InputError(Exception):
    """A file of figures or of prices cannot be used; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What AWS asks, in dollars: see `prices.toml`."""

    api_gateway_rest_per_million_requests: float
    lambda_per_million_requests: float
    lambda_x86_64_per_gb_second: float
    lambda_arm64_per_gb_second: float
    snapstart_cache_per_gb_second: float
    snapstart_restore_per_gb: float
    provisioned_x86_64_idle_per_gb_second: float
    provisioned_x86_64_busy_per_gb_second: float
    dynamodb_per_million_write_units: float
    dynamodb_per_million_read_units: float
    dynamodb_storage_per_gb_month: float
    dynamodb_backups_per_gb_month: float
    logs_ingested_per_gb: float
    logs_stored_per_gb_month: float
    eventbridge_per_million_events: float
    cloudwatch_metric_per_month: float
    cloudwatch_alarm_metric_per_month: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the bench does not measure: see `prices.toml`."""

    polls_that_find_nothing_per_million_events: float
    dynamodb_ms_per_call: float
    write_units_of_a_partition_per_second: float
    dynamodb_calls_at_a_time: float
    read_units_of_a_query_that_finds_nothing: float
    memory_mb_of_one_vcpu: float
    vcpu_ms_per_measured_ms: float
    log_bytes_besides_per_request: float
    item_bytes_besides: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of the product, or of the baseline, by the keys of the bench's rows."""

    medians: Mapping[str, float]
    where: str

    def __getitem__(self, key: str) -> float:
        if key not in self.medians:
            raise InputError(f"{self.where}: there is no figure '{key}'; run the bench again.")
        return self.medians[key]


def load_prices(path: Path) -> tuple[Prices, Assumptions]:
    """Read both; `InputError` where one is missing, unknown, or not a number that it may be."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name}: {error}") from error
    prices = _numbers(document, "prices", {field.name for field in fields(Prices)}, path.name)
    assumed = _numbers(document, "assumptions", {field.name for field in fields(Assumptions)}, path.name)
    for name, value in (prices | {name: assumed[name] for name in _NOT_ZERO}).items():
        if not value:
            raise InputError(f"{path.name}: {name} must be over 0.")
    return Prices(**prices), Assumptions(**assumed)


def load_figures(path: Path) -> dict[str, Figures]:
    """Read what `python -m tests.bench --json` wrote, of the product and of the baseline."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return {
            name: Figures(
                {row["key"]: float(row[name]["median"]) for row in rows if row[name]}, f"{path.name}, {name}"
            )
            for name in ("product", "baseline")
        }
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path.name} is not a file that the bench wrote: {error!r}") from error


def _numbers(document: Mapping[str, Any], table: str, names: set[str], where: str) -> dict[str, float]:
    found = document.get(table)
    if not isinstance(found, dict):
        raise InputError(f"{where}: there is no table [{table}].")
    if missing := sorted(names - found.keys()):
        raise InputError(f"{where}: [{table}] lacks {', '.join(missing)}.")
    if unknown := sorted(found.keys() - names):
        raise InputError(f"{where}: [{table}] does not know {', '.join(unknown)}.")
    for name, value in found.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise InputError(f"{where}: {name} must be a number, and not below 0.")
    return found
