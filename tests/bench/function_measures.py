"""The function as Lambda runs it: cold start, artifact, memory, warm requests. CPU time, of its process only.

The store is DynamoDB Local behind TLS, in other processes than the measured one, so only the client's side is
counted: certificates are loaded, calls signed and encrypted, answers parsed, as on AWS. An ingest of 1 KB
carries no idempotency key, which the baseline does not know.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from tests.bench.bench import Bench
from tests.bench.lambda_requests import ingest, kilobyte_body
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick, interleaved, part
from tests.bench.subjects import ENTRIES, Subject, number_of_files
from triggers_api.ops.build.artifact import zipped_bytes

_WARM_UP = 50
_BATCH = 50
_BATCH_WITHOUT_STORE = 200  # these are short: a batch must outlast what the machine does between two
_PROCESSES = 3
"""Two processes of one program differ, in the layout of memory and of dictionaries."""


def artifact(bench: Bench, _: Tick) -> list[Row]:
    """Return the size of the artifacts, zipped, and the number of their files."""
    subjects = {"product": bench.product, "baseline": bench.baseline}
    zipped = {name: Sample.of([zipped_bytes(one.artifact)], scale=1e-6) for name, one in subjects.items()}
    files = {name: Sample.of([number_of_files(one.artifact)]) for name, one in subjects.items()}
    return [
        Row("zipped artifact", "zipped artifact", "MB", zipped["product"], zipped["baseline"]),
        Row("files", "files in the artifact", "", files["product"], files["baseline"]),
    ]


def cold_start(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of a fresh process to the end of its first request, an ingest, and what it imports.

    The import is told apart, for Lambda gives it more of a processor than it gives a request.
    """
    modules: dict[str, int] = {}
    imports: dict[str, list[float]] = {"product": [], "baseline": []}

    def start(subject: Subject) -> float:
        with Function(subject) as function:
            reply = function.call(ingest(subject.key, kilobyte_body()), expected=201)
        modules[subject.name] = reply.modules
        imports[subject.name].append(reply.cpu_imported)
        return reply.cpu_so_far

    found = interleaved(
        bench.rounds(21, 3),
        {"product": partial(start, bench.product), "baseline": partial(start, bench.baseline)},
        tick,
    )
    imported = {name: Sample.of([number]) for name, number in modules.items()}
    return [
        _milliseconds("cold start", "cold start to the end of the first request, CPU", found),
        _milliseconds("cold start, import", "of which to the end of the import, CPU", imports),
        Row(
            "modules",
            "modules imported by then",
            "",
            imported["product"],
            imported["baseline"],
        ),
    ]


def warm_ingest(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of a warm ingest with its store calls, its log, and the peak memory after 1,000."""
    subjects = (bench.product, bench.baseline)
    rounds = bench.rounds((1000 - _WARM_UP) // _BATCH, 3)
    found: dict[str, list[float]] = {one.name: [] for one in subjects}
    peaks: dict[str, list[float]] = {one.name: [] for one in subjects}
    logs: dict[str, list[float]] = {one.name: [] for one in subjects}
    processes = bench.rounds(_PROCESSES, 1)
    for number in range(processes):
        with ExitStack() as stack:
            functions = {one.name: stack.enter_context(Function(one)) for one in subjects}
            events = {one.name: ingest(one.key, kilobyte_body()) for one in subjects}
            measures = {name: _batches(functions[name], events[name], _BATCH) for name in functions}
            some = interleaved(rounds, measures, part(tick, number, processes))
            for name, function in functions.items():
                found[name] += some[name]
                written = function.log_bytes
                last = function.call(events[name], expected=201, with_memory=True)
                logs[name].append(function.log_bytes - written)
                peaks[name].append(last.peak_bytes / 1e6)
    requests = _WARM_UP + rounds * _BATCH
    return [
        _milliseconds("warm ingest", "warm ingest of 1 KB with its store calls, CPU", found),
        Row(
            "peak memory",
            f"peak memory after {requests:,} requests",
            "MB",
            Sample.of(peaks["product"]),
            Sample.of(peaks["baseline"]),
        ),
        Row(
            "log bytes",
            "bytes of log that a warm ingest writes",
            "",
            Sample.of(logs["product"]),
            Sample.of(logs["baseline"]),
        ),
    ]


def warm_ingest_without_store(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of a warm ingest whose store does nothing, beside the baseline's and a bare endpoint's.

    The bare endpoint runs on the baseline's artifact: FastAPI and Mangum as they are shipped.
    """
    product, baseline = bench.product, bench.baseline
    entries = {
        "product": (product, product.without_store),
        "baseline": (baseline, baseline.without_store),
        "bare": (baseline, str(ENTRIES / "bare.py")),
    }
    keys = {name: subject.key for name, (subject, _) in entries.items()}
    found: dict[str, list[float]] = {name: [] for name in entries}
    processes = bench.rounds(_PROCESSES, 1)
    for number in range(processes):
        with ExitStack() as stack:
            functions = {
                name: stack.enter_context(Function(subject, entry=entry))
                for name, (subject, entry) in entries.items()
            }
            measures = {
                name: _batches(function, ingest(keys[name], kilobyte_body()), _BATCH_WITHOUT_STORE)
                for name, function in functions.items()
            }
            rounds = bench.rounds(15, 3)
            for name, values in interleaved(rounds, measures, part(tick, number, processes)).items():
                found[name] += values
    name = "warm ingest without store"
    product_ms, bare_ms = (Sample.of(found[one], scale=1e3) for one in ("product", "bare"))
    return [
        _milliseconds(name, "warm ingest of 1 KB without the store, CPU", found),
        Row(f"{name}, to bare", "the same, beside a bare async endpoint", "ms", product_ms, bare_ms),
    ]


def _batches(function: Function, event: dict[str, object], size: int) -> Callable[[], float]:
    """Warm a function up, and return what measures a request of it, in seconds."""
    function.call(event, expected=201, times=_WARM_UP)
    return lambda: function.call(event, expected=201, times=size).cpu_each


def _milliseconds(key: str, measure: str, seconds: dict[str, list[float]]) -> Row:
    product, baseline = (Sample.of(seconds[name], scale=1e3) for name in ("product", "baseline"))
    return Row(key, measure, "ms", product, baseline)
