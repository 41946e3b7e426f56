"""What is promised, and what was tried of it: `pytest --promises`.

A test that covers one of the twelve invariants says so (`@pytest.mark.promise(1, 4)`), and tells by the
fixture `tried` how many cases it went through where that is not one. The table at the end of a run is made of
that, and of nothing else. A test of what these tests are made of (`@pytest.mark.promise`) runs with them,
and counts for none. `--long` asks for the long form of the tests that have one.

A promise that nothing was tried of is not kept: the run fails. Where it was narrowed to some tests, that is
said of their promises only.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, settings
from rich.console import Console
from rich.table import Table

INVARIANTS = {
    1: "A 201 is sent only after the store has the event",
    2: "One request, or one idempotency key, makes one event",
    3: "An event is acknowledged once, and nothing goes back",
    4: "A 4xx leaves nothing behind; a retry settles a 503",
    5: "Paging gives every matching pending event once, in order",
    6: "The payload that comes out is JSON-equal to the one that went in",
    7: "A key bound to a source neither sees nor touches another's events",
    8: "A revoked key stops working within the stated bound",
    9: "Any request gets a well-formed answer; client input never makes a 500",
    10: "Every request is answered within 15 s, whatever the store does",
    11: "No key and no payload in a log or an error, no key in a table",
    12: "In doubt about a key: 503, never entry",
}
"""What holds, always. The numbers are those of deploy/guide/promises.md."""

settings.register_profile(
    "first-failure",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
"""`--hypothesis-profile=first-failure`: to see that a test fails, always in the same way, and no more."""

Tried = Callable[[int], None]
Reported = Callable[[str], None]


@dataclass(slots=True)
class _Form:
    """What was asked for on the command line."""

    long: bool = False
    at_most: int | None = None


_form = _Form()


@dataclass(slots=True)
class Tally:
    """What became of the tests of one invariant."""

    tests: int = 0
    cases: int = 0
    failures: int = 0
    skipped: int = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("triggers", "Triggers API")
    group.addoption(
        "--promises", action="store_true", help="only the tests of what is promised, and a table of them"
    )
    group.addoption("--long", action="store_true", help="the long form of the tests that have one")
    group.addoption("--few", type=int, metavar="N", help="no more than N random examples, to see a test run")


def pytest_configure(config: pytest.Config) -> None:
    _form.long = config.getoption("long")
    _form.at_most = config.getoption("few")
    config.addinivalue_line("markers", "promise(*numbers): the invariants that the test covers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        numbers = {number for mark in item.iter_markers("promise") for number in mark.args}
        if unknown := numbers - INVARIANTS.keys():
            raise pytest.UsageError(f"{item.nodeid}: there is no promise {min(unknown)}")
        # On the item, for xdist carries to the reports what is there, and not the marks.
        item.user_properties += [("promise", number) for number in sorted(numbers)]
    if config.getoption("promises"):
        chosen = [item for item in items if item.get_closest_marker("promise")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Tried:
    """Tell how many cases a test has tried, once or several times."""
    return lambda cases: request.node.user_properties.append(("cases", cases))


@pytest.fixture
def reported(request: pytest.FixtureRequest) -> Reported:
    """Have a line printed below the table: a figure, which is told and not asserted."""
    return lambda line: request.node.user_properties.append(("figure", line))


def examples(quick: int, *, long: int, least: int = 1) -> settings:
    """Return Hypothesis's settings for a test: how many examples it tries in CI, and in the long form.

    `least`: with fewer the test says nothing, however few were asked for.
    """
    number = long if _form.long else quick
    return settings(
        max_examples=number if _form.at_most is None else min(number, max(least, _form.at_most)),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture(scope="session")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for."""
    return bool(request.config.getoption("long"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that tried nothing of a promise, before its exit code and its last line are made."""
    if not _is_asked(session.config) or session.config.getoption("collectonly"):
        return
    reports = _reports(session.config)
    if session.exitstatus == pytest.ExitCode.OK and _untried(session.config, reports):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _is_asked(config):
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


def _is_asked(config: pytest.Config) -> bool:
    """Tell whether this process makes the table: a worker of xdist has no terminal and makes none."""
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
    """Return the promises of which nothing was tried: none of their tests ran, or there are none."""
    found = tallies(reports)
    chosen = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf")
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS and not any(
        config.getoption(name, None) for name in chosen
    )
    return [number for number, tally in found.items() if not tally.tests and (whole or tally.skipped)]


def tallies(reports: list[pytest.TestReport]) -> dict[int, Tally]:
    """Return what each invariant's tests came to; a test that says nothing of cases has tried one.

    A test may have several reports: one that fails, and whose fixtures then fail to end, has failed once.
    """
    found = {number: Tally() for number in INVARIANTS}
    of_tests: dict[str, list[pytest.TestReport]] = {}
    for report in reports:
        of_tests.setdefault(report.nodeid, []).append(report)
    for parts in of_tests.values():
        told = {(name, value) for part in parts for name, value in part.user_properties}
        failed = any(part.failed for part in parts)
        cases = max(_cases(part) for part in parts)
        for number in (int(str(value)) for name, value in told if name == "promise"):
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
