"""What a service costs: arithmetic that can be done in one's head, and the tables that stand in the guide."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.cost_inputs import (
    PRICES,
    Assumptions,
    Figures,
    InputError,
    Prices,
    load_figures,
    load_prices,
)
from tests.bench.cost_model import DAYS_PER_MONTH, SECONDS_PER_MONTH, Batches, Kept, Service, Size
from tests.bench.cost_tables import MEMORY_MB, dollars
from tests.bench.costs import MARK, PAGES, computed, defaults, hooks_rate, main, with_costs
from tests.bench.hook_costs import KINDS, first_ms, million, webhooks
from tests.support.documents import COSTS, DOCUMENTS
from triggers_api.store.dynamodb.parallel import THREADS

FIGURES = PRICES.with_name("figures.json")
GB = 1024**3
PER_EVENT_OF_A_MILLION = GB / 1_000_000  # as many bytes that a million of it are a GB

ONES = Prices(
    api_gateway_rest_per_million_requests=1,
    lambda_per_million_requests=1,
    lambda_x86_64_per_gb_second=1,
    lambda_arm64_per_gb_second=0.5,
    snapstart_cache_per_gb_second=1,
    snapstart_restore_per_gb=1,
    provisioned_x86_64_idle_per_gb_second=1,
    provisioned_x86_64_busy_per_gb_second=1,
    dynamodb_per_million_write_units=1,
    dynamodb_per_million_read_units=1,
    dynamodb_storage_per_gb_month=1,
    dynamodb_backups_per_gb_month=1,
    logs_ingested_per_gb=1,
    logs_stored_per_gb_month=1,
    eventbridge_per_million_events=1,
    cloudwatch_metric_per_month=1,
    cloudwatch_alarm_metric_per_month=1,
)
ASSUMED = Assumptions(
    polls_that_find_nothing_per_million_events=1_000_000,
    dynamodb_ms_per_call=5,
    write_units_of_a_partition_per_second=1000,
    dynamodb_calls_at_a_time=10,
    read_units_of_a_query_that_finds_nothing=2,
    memory_mb_of_one_vcpu=2048,
    vcpu_ms_per_measured_ms=1,
    log_bytes_besides_per_request=0,
    item_bytes_besides=0,
)
MEDIANS = {
    "cold start": 150,
    "cold start, import": 100,
    "warm ingest": 10,
    "warm ack": 10,
    "warm poll": 10,
    "warm empty poll": 10,
    "calls: first ingest": 2,
    "calls: ingest": 1,
    "calls: ack": 1,
    "calls: inbox": 1,
    "warm batch ingest of 100": 0.5,
    "warm receive of 100": 1,
    "warm batch ack of 100": 0.5,
    "calls: batch ingest": 25,
    "calls: receive": 27,
    "calls: batch ack": 25,
    "write units: batch ingest": 25 * 2,
    "write units: receive": 25 * 2,
    "write units: batch ack": 25 * 3,
    "read units: receive": 200,
    "warm stats": 10,
    "calls: stats": 5,
    "first delivery": 50,
    "warm delivery": 10,
    "warm repeated delivery": 5,
    "warm refused delivery": 5,
    "calls: first delivery": 2,
    "calls: delivery": 1,
    "calls: repeated delivery": 1,
    "calls: refused delivery": 1,
    "write units: delivery": 10,
    "read units: refused delivery": 1,
    "write units: ingest": 2,
    "write units: ack": 3,
    "read units: ingest": 1,
    "read units: ack": 4,
    "read units: inbox": 50,
    "stored bytes: table": PER_EVENT_OF_A_MILLION,
    "stored bytes: index": PER_EVENT_OF_A_MILLION,
    "log bytes": PER_EVENT_OF_A_MILLION,
}
SERVICE = Service(Figures(MEDIANS, "figures"), ONES, ASSUMED)
HALF_A_VCPU, VCPU, TWO = Size(1024), Size(2048), Size(4096)
A_MONTH = Kept(DAYS_PER_MONTH, DAYS_PER_MONTH)


def with_prices(**prices: float) -> Service:
    return replace(SERVICE, prices=replace(ONES, **prices))


def prices_file(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PRICES.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_cpu_takes_longer_on_a_share_of_a_processor_and_a_wait_does_not() -> None:
    assert SERVICE.ingest_ms(HALF_A_VCPU) == 20 + 5
    assert SERVICE.ingest_ms(VCPU) == 10 + 5


def test_more_than_one_processor_makes_nothing_quicker() -> None:
    assert SERVICE.ingest_ms(TWO) == SERVICE.ingest_ms(VCPU)
    assert SERVICE.cold_start_ms(TWO) == SERVICE.cold_start_ms(VCPU)


def test_a_processor_that_is_half_as_fast_takes_twice_the_time() -> None:
    slow = replace(SERVICE, assumptions=replace(ASSUMED, vcpu_ms_per_measured_ms=2))
    assert slow.ingest_ms(VCPU) == 20 + 5
    assert slow.import_ms() == 200


def test_a_cold_start_imports_on_a_whole_processor_and_answers_on_a_share() -> None:
    assert SERVICE.cold_start_ms(HALF_A_VCPU) == 100 + 2 * 50 + 2 * 5
    assert SERVICE.cold_start_ms(VCPU) == 100 + 50 + 2 * 5


def test_lambda_asks_for_memory_times_time_and_counts_a_started_millisecond() -> None:
    assert SERVICE.time_price(1000, HALF_A_VCPU) == 1
    assert SERVICE.time_price(1000, VCPU) == 2
    assert SERVICE.time_price(999.2, HALF_A_VCPU) == 1
    assert SERVICE.time_price(1000.000_000_01, HALF_A_VCPU) == 1
    assert SERVICE.time_price(1000, Size(1024, "arm64")) == 0.5


def test_cpu_costs_the_same_with_half_the_memory_and_a_wait_costs_half() -> None:
    computing = replace(SERVICE, assumptions=replace(ASSUMED, dynamodb_ms_per_call=0))
    waiting = replace(SERVICE, figures=Figures({**MEDIANS, "warm ingest": 0}, "figures"))
    half, whole = (computing.time_price(computing.ingest_ms(size), size) for size in (HALF_A_VCPU, VCPU))
    assert half == whole
    half, whole = (waiting.time_price(waiting.ingest_ms(size), size) for size in (HALF_A_VCPU, VCPU))
    assert 2 * half == whole


def test_a_million_events_are_requests_for_ingests_acks_full_pages_and_polls_that_find_nothing() -> None:
    requests = SERVICE.requests()
    assert (requests.ingests, requests.acks) == (1_000_000, 1_000_000)
    assert (requests.polls, requests.empty_polls) == (20_000, 1_000_000)
    assert requests.total == 3_020_000


def test_a_million_events_cost_what_each_service_asks() -> None:
    found = SERVICE.million_events(VCPU, A_MONTH)
    assert found == {
        "API Gateway, requests": pytest.approx(3.02),
        "Lambda, requests": pytest.approx(3.02),
        "Lambda, time": pytest.approx(3_020_000 * 2 * 0.015),  # 2 GB for 15 ms
        "DynamoDB, writes": 2 + 3,
        "DynamoDB, reads": pytest.approx(1 + 4 + 0.02 * 50 + (1 + 2)),  # an empty poll looks up its key too
        "DynamoDB, storage and backups": pytest.approx(1 + 1 + 1),  # of the backups there is no index
        "CloudWatch Logs": pytest.approx(3.02 * (1 + 1)),
    }


def test_a_batch_takes_the_cpu_of_its_events_and_the_waits_of_calls_in_parallel() -> None:
    assert SERVICE.batch_ms("batch ingest", 100, VCPU) == 50 + 10 * 5
    assert SERVICE.batch_ms("batch ingest", 100, HALF_A_VCPU) == 100 + 10 * 5
    assert SERVICE.batch_ms("receive", 100, VCPU) == 100 + (2 + 10) * 5  # two queries, before the leases


def test_a_million_events_in_batches_are_fewer_requests_and_as_many_writes() -> None:
    found = SERVICE.million_in_batches(Batches(100), VCPU, A_MONTH)
    polls, batches = 1_000_000 + 20_000, 2 * 10_000
    assert found == {
        "API Gateway, requests": pytest.approx((polls + batches) / 1_000_000),
        "Lambda, requests": pytest.approx((polls + batches) / 1_000_000),
        "Lambda, time": pytest.approx(2 * (polls * 0.015 + batches * 0.1)),
        "DynamoDB, writes": 2 + 3,
        "DynamoDB, reads": pytest.approx(0.02 * 50 + (1 + 2)),
        "DynamoDB, storage and backups": pytest.approx(3),
        "CloudWatch Logs": pytest.approx((polls + batches) / 1_000_000 * 2),
    }


def test_leases_are_receives_in_the_place_of_pages_and_their_writes() -> None:
    found = SERVICE.million_in_batches(Batches(100, leased=True), VCPU, A_MONTH)
    assert found["API Gateway, requests"] == pytest.approx(1 + 3 * 0.01)
    assert found["Lambda, time"] == pytest.approx(2 * (1_000_000 * 0.015 + 10_000 * (0.1 + 0.16 + 0.1)))
    assert found["DynamoDB, writes"] == 2 + 2 + 3
    assert found["DynamoDB, reads"] == pytest.approx(10_000 * 200 / 1_000_000 + (1 + 2))


def test_the_calls_at_a_time_are_those_of_the_store() -> None:
    assert load_prices(PRICES)[1].dynamodb_calls_at_a_time == THREADS


def test_a_batch_of_25_makes_an_event_cost_a_third() -> None:
    product = Service(load_figures(FIGURES)["product"], *load_prices(PRICES))
    size, kept, _ = defaults()
    one_by_one = sum(product.million_events(size, kept).values())
    assert sum(product.million_in_batches(Batches(25), size, kept).values()) <= one_by_one / 3


def test_a_million_wrong_keys_are_requests_time_log_lines_and_a_read_each() -> None:
    requests, functions, reads, logged, stored = 1, 1, 1, 1, 1
    seconds = 1_000_000 * 0.015 * 2
    refused = SERVICE.million_refused(VCPU, A_MONTH)
    assert refused == pytest.approx(requests + functions + reads + logged + stored + seconds)


def test_security_names_what_a_flood_of_wrong_keys_costs() -> None:
    rows = computed(FIGURES)["wrong keys"].splitlines()[2:4]
    million, day = (row.split(" | ")[1].strip(" |") for row in rows)
    assert f"{million} per million, or {day} a day" in DOCUMENTS["SECURITY.md"].replace("\n", " ")


def test_a_million_webhooks_are_requests_time_log_lines_and_what_they_write() -> None:
    found = million(SERVICE, KINDS["1 KB"], VCPU, A_MONTH)
    assert found == {
        "API Gateway, requests": 1,
        "Lambda, requests": 1,
        "Lambda, time": pytest.approx(1_000_000 * 0.015 * 2),
        "DynamoDB, writes": 10,
        "DynamoDB, reads": 0,
        "CloudWatch Logs": pytest.approx(1 + 1),
    }


def test_a_repeated_webhook_is_billed_as_much_as_the_first_one_wrote() -> None:
    found = million(SERVICE, KINDS["1 KB, repeated"], VCPU, A_MONTH)
    assert found["DynamoDB, writes"] == 10
    assert found["Lambda, time"] == pytest.approx(1_000_000 * 0.010 * 2)


def test_a_refused_webhook_is_a_read_and_writes_nothing() -> None:
    found = million(SERVICE, KINDS["1 KB, refused"], VCPU, A_MONTH)
    assert (found["DynamoDB, writes"], found["DynamoDB, reads"]) == (0, 1)


def test_a_flood_of_refused_webhooks_costs_what_the_throttle_lets_through_in_a_day() -> None:
    figures = {
        **MEDIANS,
        "warm large delivery": 10,
        "calls: large delivery": 1,
        "write units: large delivery": 14,
    }
    service = replace(SERVICE, figures=Figures(figures, "figures"))
    refused = sum(million(service, KINDS["1 KB, refused"], VCPU, A_MONTH).values())
    day = dollars(refused * 10 * 24 * 3600 / 1_000_000)
    assert f" of 10 a second cost {day} a day." in webhooks(service, VCPU, A_MONTH, 10)


def test_a_first_delivery_imports_on_a_whole_processor_and_is_answered_on_a_share() -> None:
    assert first_ms(SERVICE, HALF_A_VCPU) == 100 + 2 * 50 + 2 * 5
    assert first_ms(SERVICE, VCPU) == 100 + 50 + 2 * 5


def test_slack_gets_its_answer_after_a_cold_start_and_what_the_guide_names_is_measured() -> None:
    product = Service(load_figures(FIGURES)["product"], *load_prices(PRICES))
    assert all(2 * first_ms(product, Size(memory_mb)) < 3_000 for memory_mb in MEMORY_MB)
    kilobytes, per_item = 2, 2
    table = index = kilobytes * per_item
    assert product.figures["write units: delivery"] == table + index + per_item
    assert product.figures["write units: refused delivery"] == 0


def test_security_names_what_a_flood_of_webhooks_costs() -> None:
    *_, line, _ = computed(FIGURES)["webhooks"].split("\n")
    day = line.removesuffix(" a day.").rpartition(" ")[2]
    assert f"throttle of {hooks_rate()} a second" in line
    assert f"webhooks that are refused cost {day} a day more" in DOCUMENTS["SECURITY.md"].replace("\n", " ")


def test_measuring_the_backlog_costs_metrics_alarms_and_calls_every_five_minutes() -> None:
    calls = 12 * 730
    assert SERVICE.backlog_month(VCPU, A_MONTH) == {
        "CloudWatch, three metrics": 3,
        "CloudWatch, two alarms": 2,
        "EventBridge": pytest.approx(calls / 1_000_000),
        "Lambda": pytest.approx(calls / 1_000_000 + calls * 2 * (0.010 + 5 * 0.005)),
        "DynamoDB, reads": pytest.approx(calls * 5 * 2 / 1_000_000),
        "CloudWatch Logs": pytest.approx(calls / 1_000_000 * 2),
    }
    counts, megabytes, units = 3, 10, 128
    assert SERVICE.backlog_reads_at_most() == pytest.approx(calls * counts * megabytes * units / 1_000_000)


def test_what_is_kept_for_half_a_month_costs_half() -> None:
    found = SERVICE.million_events(VCPU, Kept(DAYS_PER_MONTH / 2, DAYS_PER_MONTH / 2))
    assert found["DynamoDB, storage and backups"] == pytest.approx(1.5)
    assert found["CloudWatch Logs"] == pytest.approx(3.02 * (1 + 0.5))


def test_aws_adds_bytes_of_its_own_to_items_and_to_logs() -> None:
    besides = {
        "item_bytes_besides": PER_EVENT_OF_A_MILLION,
        "log_bytes_besides_per_request": PER_EVENT_OF_A_MILLION,
    }
    found = replace(SERVICE, assumptions=replace(ASSUMED, **besides)).million_events(VCPU, A_MONTH)
    assert found["DynamoDB, storage and backups"] == pytest.approx(6)
    assert found["CloudWatch Logs"] == pytest.approx(3.02 * 4)


def test_snapstart_asks_for_its_cache_all_month_and_for_each_restore() -> None:
    assert SERVICE.snapstart_cache(HALF_A_VCPU) == SECONDS_PER_MONTH
    assert SERVICE.snapstart_restore(VCPU) == 2


def test_a_provisioned_environment_is_asked_for_all_month() -> None:
    assert SERVICE.provisioned_idle(VCPU) == 2 * SECONDS_PER_MONTH


@pytest.mark.parametrize(("idle", "busy", "expected"), [(1, 2, 0.5), (2, 2, 1), (3, 2, None), (1, 4, None)])
def test_provisioned_concurrency_pays_once_its_cheaper_seconds_are_as_many_as_its_idle_ones_cost(
    idle: float, busy: float, expected: float | None
) -> None:
    service = with_prices(
        lambda_x86_64_per_gb_second=4,
        provisioned_x86_64_idle_per_gb_second=idle,
        provisioned_x86_64_busy_per_gb_second=busy,
    )
    assert service.provisioned_pays_when_busy() == expected


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (1234.5, "$1,234.50"), (0.5, "$0.50"), (0.0751, "$0.075"), (0.00391, "$0.0039")],
)
def test_an_amount_has_its_cents_or_two_digits(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_the_tables_in_the_guide_are_those_of_the_committed_figures_and_prices() -> None:
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    texts = computed(FIGURES)
    assert all("".join(pages).count(MARK.format(name)) == 1 for name in texts)
    for page in pages:
        assert with_costs(page, texts) == page, "python -m tests.bench.costs tests/bench/figures.json"


def test_what_the_guide_concludes_holds_for_the_committed_figures_and_prices() -> None:
    figures, (prices, assumed) = load_figures(FIGURES), load_prices(PRICES)
    size, kept, _ = defaults()
    for one in (Service(figures[name], prices, assumed) for name in ("product", "baseline")):
        million = one.million_events(size, kept)
        assert max(million, key=lambda name: million[name]) == "API Gateway, requests"
        assert 3 * one.figures["write units"] == 2 * one.figures["write units: large ack"]
        imported = one.time_price(one.import_ms(), size)
        assert one.snapstart_restore(size) > imported
        assert one.provisioned_idle(size) > 100_000 * imported
        assert one.provisioned_pays_when_busy() is not None
        for time_at in (one.cold_start_ms, one.ingest_ms):
            sizes = [Size(memory_mb) for memory_mb in MEMORY_MB]
            asked = [one.time_price(time_at(each), each) for each in sizes]
            assert asked == sorted(asked), "less memory is cheaper"
            assert sorted(map(time_at, sizes), reverse=True) == [time_at(each) for each in sizes]
    assert prices.lambda_arm64_per_gb_second == pytest.approx(
        0.8 * prices.lambda_x86_64_per_gb_second, abs=1e-9
    )
    assert assumed.memory_mb_of_one_vcpu == MEMORY_MB[-1]


def test_a_figure_that_is_missing_is_named_with_its_file(tmp_path: Path) -> None:
    document = json.loads(FIGURES.read_text(encoding="utf-8"))
    document["rows"] = [row for row in document["rows"] if row["key"] != "warm ack"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    with pytest.raises(
        InputError, match=r"^old\.json, product: there is no figure 'warm ack'; run the bench"
    ):
        computed(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{"key": "files"}]}', '{"rows": 1}'])
def test_a_file_that_the_bench_did_not_write_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"^other\.json is not a file that the bench wrote"):
        load_figures(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("snapstart_restore_per_gb", "snapstart_restore", "[prices] lacks snapstart_restore_per_gb."),
        ("[prices]", "[prices]\ntax = 0.2", "[prices] does not know tax."),
        ("[assumptions]", "[other]", "there is no table [assumptions]."),
        ("= 3.50", '= "3.50"', "api_gateway_rest_per_million_requests must be a number, and not below 0."),
        ("= 3.50", "= true", "api_gateway_rest_per_million_requests must be a number, and not below 0."),
        ("= 3.50", "= nan", "api_gateway_rest_per_million_requests must be a number, and not below 0."),
        ("= 3.50", "= -3.50", "api_gateway_rest_per_million_requests must be a number, and not below 0."),
        ("= 3.50", "= 0", "api_gateway_rest_per_million_requests must be over 0."),
        ("= 1769", "= 0", "memory_mb_of_one_vcpu must be over 0."),
    ],
)
def test_prices_that_cannot_be_used_say_why(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_prices(prices_file(tmp_path, (old, new)))
    assert str(caught.value) == f"mine.toml: {message}"


@pytest.mark.parametrize("text", [None, "not = toml = at all", "\xff"])
def test_a_file_of_prices_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"^mine\.toml: "):
        load_prices(path)


def test_nothing_to_wait_for_and_no_poll_in_vain_may_be_assumed(tmp_path: Path) -> None:
    path = prices_file(
        tmp_path, ("= 43_200", "= 0"), ("dynamodb_ms_per_call = 5", "dynamodb_ms_per_call = 0")
    )
    assert load_prices(path)[1].dynamodb_ms_per_call == 0


def test_prices_of_ones_own_change_the_tables(tmp_path: Path) -> None:
    path = prices_file(tmp_path, ("= 3.50", "= 7.00"))
    ours, mine = (computed(FIGURES, one) for one in (PRICES, path))
    assert ours["a million events"] != mine["a million events"]
    assert ours["time"] == mine["time"]


def test_an_input_that_cannot_be_used_ends_with_1_and_leaves_the_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = COSTS.read_bytes()
    monkeypatch.setattr(sys, "argv", ["costs", str(FIGURES), "--prices", str(tmp_path / "none.toml")])
    assert main() == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("none.toml: ")
    assert COSTS.read_bytes() == before
