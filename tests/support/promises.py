"""The seventeen promises, and a table of what a run tried of each: `pytest --promises`.

A test of a promise is marked with its number (`@pytest.mark.promise(1, 4)`). If a test goes through several
cases, it reports their number by the fixture `tried`. The table at the end of a run is made of these two, and
of nothing else. A test that checks the tests of the promises is marked without a number: it runs with the
promises and counts for none.

A run that tried nothing of a promise fails. If the run was narrowed to some tests, only the promises of those
tests count. CI prints the table too.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rich.console import Console
from rich.table import Table

INVARIANTS = {
    1: "A 201 is sent only after the store has the event",
    2: "One request, or one idempotency key, makes one event",
    3: "An event is acknowledged once, and only a requeue takes it back",
    4: "A 4xx leaves nothing behind; a retry settles a 503",
    5: "Paging gives every matching pending event once, in order",
    6: "The payload that comes out is the one that went in, digit for digit",
    7: "A key bound to a source neither sees nor touches another's events",
    8: "A revoked key stops working within the stated bound",
    9: "Any request gets a well-formed answer; client input never makes a 500",
    10: "Every request is answered within 15 s, whatever the store does",
    11: "No key and no payload in a log or an error, no key in a table",
    12: "In doubt about a key: 503, never entry",
    13: "Within a lease no other receive returns the event",
    14: "An event is pending, acknowledged or dead, and free when its lease ends",
    15: "A batch does what its entries would do alone",
    16: "Requeue, purge and release change what they name and nothing else",
    17: "A key does what its scopes and its source allow, and nothing else",
}
"""The promises. Their numbers are those of deploy/guide/promises.md."""

Tried = Callable[[int], None]
Reported = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """The results of the tests of one promise."""

    tests: int = 0
    cases: int = 0
    failures: int = 0
    skipped: int = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("triggers", "Triggers API")
    group.addoption(
        "--promises",
        action="store_true",
        help="the tests of the promises only, and a table of what they tried",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "promise(*numbers): the promises that the test covers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        numbers = {number for mark in item.iter_markers("promise") for number in mark.args}
        if unknown := numbers - INVARIANTS.keys():
            raise pytest.UsageError(f"{item.nodeid}: there is no promise {min(unknown)}")
        # xdist sends an item's properties to the reports, and not its marks.
        item.user_properties += [("promise", number) for number in sorted(numbers)]
    if config.getoption("promises"):
        chosen = [item for item in items if item.get_closest_marker("promise")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Tried:
    """Give the function by which a test reports how many cases it has tried, once or several times."""
    return lambda cases: request.node.user_properties.append(("cases", cases))


@pytest.fixture
def reported(request: pytest.FixtureRequest) -> Reported:
    """Give the function by which a test prints a figure below the table, which no test asserts."""
    return lambda line: request.node.user_properties.append(("figure", line))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that tried nothing of a promise, before pytest prints its last line."""
    if not _prints_table(session.config) or session.config.getoption("collectonly"):
        return
    reports = _reports(session.config)
    if session.exitstatus == pytest.ExitCode.OK and _untried(session.config, reports):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _prints_table(config):
        return
    reports = _reports(config)
    console = Console(width=110, force_terminal=False)
    with console.capture() as capture:
        console.print(table_of(tallies(reports)))
    terminalreporter.section("what is promised")
    terminalreporter.write(capture.get())
    last = {report.nodeid: report for report in reports}.values()
    for line in (str(value) for one in last for name, value in one.user_properties if name == "figure"):
        terminalreporter.write_line(line)
    for number in _untried(config, reports):
        terminalreporter.write_line(f"nothing was tried of promise {number}: {INVARIANTS[number]}", red=True)


def _prints_table(config: pytest.Config) -> bool:
    """Return whether this process prints the table. A worker of xdist does not."""
    asked = config.getoption("promises") or bool(os.environ.get("CI"))
    return asked and config.pluginmanager.has_plugin("terminalreporter")


def _reports(config: pytest.Config) -> list[pytest.TestReport]:
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    return [
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in reporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    ]


def _untried(config: pytest.Config, reports: list[pytest.TestReport]) -> list[int]:
    """Return the promises of which no test ran."""
    found = tallies(reports)
    chosen = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "rest")
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS and not any(
        config.getoption(name, None) for name in chosen
    )
    return [number for number, tally in found.items() if not tally.tests and (whole or tally.skipped)]


def tallies(reports: list[pytest.TestReport]) -> dict[int, Tally]:
    """Return the results of each promise. A test that reports no number of cases has tried one.

    A test may have several reports: if the test fails and its teardown fails too, that is one failure.
    """
    found = {number: Tally() for number in INVARIANTS}
    of_tests: dict[str, list[pytest.TestReport]] = {}
    for report in reports:
        of_tests.setdefault(report.nodeid, []).append(report)
    for parts in of_tests.values():
        properties = {(name, value) for part in parts for name, value in part.user_properties}
        failed = any(part.failed for part in parts)
        cases = max(_cases(part) for part in parts)
        for number in (int(str(value)) for name, value in properties if name == "promise"):
            tally = found[number]
            if all(part.skipped for part in parts):
                tally.skipped += 1
            else:
                tally.tests += 1
                tally.cases += cases or 1
                tally.failures += failed
    return found


def _cases(report: pytest.TestReport) -> int:
    return sum(int(str(value)) for name, value in report.user_properties if name == "cases")


def table_of(found: dict[int, Tally]) -> Table:
    """Return the table that is printed."""
    table = Table("", "what is promised", box=None, pad_edge=False)
    for name in ("tests", "cases", "failures", "skipped"):
        table.add_column(name, justify="right")
    for number, tally in found.items():
        counts = (tally.tests, tally.cases, tally.failures, tally.skipped)
        table.add_row(str(number), INVARIANTS[number], *(f"{count:,}" for count in counts))
    return table
