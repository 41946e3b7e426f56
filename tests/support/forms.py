"""How much a run of the tests tries: a quick form by default, everything with `--all`, more with `--long`.

| command | tests | cases of a test that has several forms |
|---|---|---|
| `pytest` | all but those marked `slow` | quick: enough to find a plain mistake |
| `pytest --all` | all | full |
| `pytest --rest` | what `--all` adds: the slow tests, and the full form of those that have one | full |
| `pytest --promises` | those of the promises | full |
| `pytest --long` | all | long: minutes of random walks |

A file or a test that is named on the command line runs even if it is marked `slow`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings

T = TypeVar("T")
Form = Literal["quick", "full", "long"]

settings.register_profile(
    "first-failure",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
"""`--hypothesis-profile=first-failure`: show that a test fails, always with the same example, and stop."""


@dataclass(slots=True)
class _Chosen:
    """What the command line asks for."""

    form: Form = "quick"
    at_most: int | None = None


_chosen = _Chosen()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("triggers", "Triggers API")
    group.addoption("--all", action="store_true", help="all tests, also the slow ones, in their full form")
    group.addoption("--rest", action="store_true", help="what --all adds to a run without options")
    group.addoption(
        "--long", action="store_true", help="as --all, with the long form of the tests that have one"
    )
    group.addoption("--few", type=int, metavar="N", help="at most N random examples, to see a test run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow(reason): the test runs with --all only")
    config.addinivalue_line("markers", "forms: the test has a quick form, and a full one for --all")
    config.addinivalue_line("markers", "quick_form: not slow, although most tests of its folder or kind are")
    _chosen.form = _form(config)
    _chosen.at_most = config.getoption("few")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what the form of this run leaves out."""
    if config.getoption("rest"):
        left_out = [item for item in items if not (_is_slow(item) or item.get_closest_marker("forms"))]
    elif current_form() == "quick" and not _names_a_file(config):
        left_out = [item for item in items if _is_slow(item)]
    else:
        return
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def current_form() -> Form:
    """Return the form of this run."""
    return _chosen.form


def by_form(*, quick: T, full: T, long: T | None = None) -> T:
    """Return the value for the form of this run; the long form is the full one unless it is given."""
    if _chosen.form == "quick":
        return quick
    return full if _chosen.form == "full" or long is None else long


def examples(*, quick: int, full: int, long: int, least: int = 1) -> settings:
    """Return Hypothesis's settings for a test.

    Args:
        quick: How many examples the quick form tries.
        full: The same for the full form.
        long: The same for the long form.
        least: `--few` asks for no fewer, because the test proves nothing with fewer.
    """
    number = by_form(quick=quick, full=full, long=long)
    return settings(
        max_examples=number if _chosen.at_most is None else min(number, max(least, _chosen.at_most)),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def _form(config: pytest.Config) -> Form:
    if config.getoption("long"):
        return "long"
    full = any(config.getoption(name, default=False) for name in ("all", "rest", "promises"))
    return "full" if full else "quick"


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _names_a_file(config: pytest.Config) -> bool:
    """Return whether a file or a test is named on the command line, rather than a folder or nothing."""
    return any(Path(argument.partition("::")[0]).is_file() for argument in config.args)
