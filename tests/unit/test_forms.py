"""Which tests a run selects, and how much each tries."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rehearsal import CHECKOUT

TESTS = """
import pytest
from tests.support.forms import by_form

def test_plain():
    pass

@pytest.mark.slow("it waits")
def test_slow():
    pass

@pytest.mark.forms
def test_of_three_forms():
    print("tried:", by_form(quick=1, full=2, long=3))

@pytest.mark.forms
def test_of_two_forms():
    print("tried:", by_form(quick=10, full=20))
"""
AS_ABOVE = pytest.mark.slow("a second of CPU time for each run")
ALL = {"plain", "slow", "of_three_forms", "of_two_forms"}


def run(folder: Path, *options: str) -> tuple[set[str], list[int]]:
    """Run the tests; return the names of those that ran, and what they tried."""
    (folder / "test_some.py").write_text(TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.support.forms",
            "-p",
            "no:cacheprovider",
            "-sv",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    ran = set(re.findall(r"::test_(\w+)", done.stdout))
    return ran, [int(number) for number in re.findall(r"tried: (\d+)", done.stdout)]


@pytest.mark.slow("runs pytest")
@pytest.mark.parametrize(
    ("options", "ran", "tried"),
    [
        ((), ALL - {"slow"}, [1, 10]),
        (("--all",), ALL, [2, 20]),
        (("--rest",), ALL - {"plain"}, [2, 20]),
        pytest.param(("--long",), ALL, [3, 20], marks=AS_ABOVE),
        (("test_some.py",), ALL, [1, 10]),
        pytest.param(("test_some.py::test_slow",), {"slow"}, [], marks=AS_ABOVE),
        pytest.param((".",), ALL - {"slow"}, [1, 10], marks=AS_ABOVE),
    ],
    ids=lambda value: " ".join(value) or "no options" if isinstance(value, tuple) else "",
)
def test_run_selects_tests_and_their_form(
    tmp_path: Path, options: tuple[str, ...], ran: set[str], tried: list[int]
) -> None:
    assert run(tmp_path, *options) == (ran, tried)
