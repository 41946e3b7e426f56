"""The table of promises tells what ran, and nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import PROMISES
from tests.support.promises import INVARIANTS
from tests.support.rehearsal import CHECKOUT

TESTS = """
import pytest

@pytest.mark.promise(1, 4)
def test_of_two_promises(tried, reported):
    reported("99 of 100 take less than 7 ms")
    tried(40)
    tried(2)

@pytest.mark.promise(4)
def test_that_fails(tried):
    tried(3)
    raise AssertionError

@pytest.mark.promise(4)
def test_that_is_skipped():
    pytest.skip("no machine for it")

@pytest.mark.promise(5)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_several_rows(number):
    pass

@pytest.mark.promise(6)
def test_whose_fixture_fails(nobody_has_it):
    pass

@pytest.fixture
def end():
    yield
    raise OSError

@pytest.mark.promise(7)
def test_that_fails_and_whose_fixture_fails_to_end(end, tried, reported):
    reported("told once")
    tried(2)
    raise AssertionError

@pytest.mark.promise(7)
def test_whose_fixture_fails_to_end(end):
    pass

@pytest.mark.promise()
def test_of_the_tests():
    print("it ran")
    raise AssertionError

def test_of_nothing_promised():
    raise AssertionError
"""
ALL_SKIPPED = """
import pytest

@pytest.mark.promise(4)
def test_that_is_skipped():
    pytest.skip("no machine for it")

@pytest.mark.promise(3)
def test_that_passes():
    pass
"""

WORKERS = pytest.mark.parametrize(
    "workers", ["0", pytest.param("2", marks=pytest.mark.slow("starts three processes for each run"))]
)


def run(folder: Path, text: str, *options: str, narrowed: bool = True) -> tuple[int, str]:
    """Run tests, by their path, or (not narrowed) as all that there are in the folder."""
    test = folder / "test_some.py"
    test.write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    plugins = ("xdist", "tests.support.forms", "tests.support.promises", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *(part for name in plugins for part in ("-p", name))]
    path = [str(test)] if narrowed else []
    done = subprocess.run(
        [*command, "--rootdir", str(folder), "-c", str(folder / "pytest.ini"), *options, *path],
        cwd=CHECKOUT if narrowed else folder,
        # Without the installed plugins, whose imports take four times as long as the run.
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def row(output: str, number: int) -> list[int]:
    (line,) = re.findall(rf"^{number} +{INVARIANTS[number]} .*$", output, re.MULTILINE)
    return [int(count) for count in line.split()[-4:]]


@pytest.mark.slow("runs pytest")
@WORKERS
def test_the_table_counts_tests_cases_failures_and_what_was_skipped(tmp_path: Path, workers: str) -> None:
    code, output = run(tmp_path, TESTS, "--promises", "-n", workers)
    assert code == 1
    assert "nothing_promised" not in output, "it is not selected"
    assert row(output, 1) == [1, 42, 0, 0]
    assert output.count("99 of 100 take less than 7 ms") == 1
    assert row(output, 4) == [2, 45, 1, 1]
    assert row(output, 5) == [3, 3, 0, 0]
    assert row(output, 6) == [1, 1, 1, 0], "what cannot even begin has failed"
    assert row(output, 7) == [2, 3, 2, 0], "it fails once, in whatever parts"
    assert len(re.findall("^told once$", output, re.MULTILINE)) == 1
    assert "it ran" in output, "a test of the tests is selected, and counts for no promise"
    assert row(output, 2) == [0, 0, 0, 0], "nothing ran, and the table says so"


@pytest.mark.slow("runs pytest")
@WORKERS
def test_a_promise_that_nothing_was_tried_of_is_not_kept(tmp_path: Path, workers: str) -> None:
    code, output = run(tmp_path, ALL_SKIPPED, "--promises", "-n", workers)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert re.findall(r"nothing was tried of promise (\d+)", output) == ["4"], "the run was narrowed"
    code, output = run(tmp_path, ALL_SKIPPED, "--promises", "-n", workers, narrowed=False)
    assert code == pytest.ExitCode.TESTS_FAILED
    untried = re.findall(r"nothing was tried of promise (\d+)", output)
    assert untried == [str(number) for number in INVARIANTS if number != 3]
    assert run(tmp_path, ALL_SKIPPED, "--promises", "-k", "passes", "-n", workers, narrowed=False)[0] == 0


@pytest.mark.slow("runs pytest")
def test_a_promise_that_nobody_made_is_refused(tmp_path: Path) -> None:
    code, output = run(tmp_path, "import pytest\n@pytest.mark.promise(99)\ndef test_it(): pass\n", "-n0")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "there is no promise 99" in output


@pytest.mark.slow("runs pytest")
def test_the_long_form_tries_more_examples(tmp_path: Path) -> None:
    text = (
        "import pytest\nfrom hypothesis import given, strategies as st\n"
        "from tests.support.forms import examples\n"
        "@pytest.mark.promise(6)\n@examples(quick=2, full=5, long=50)\n@given(number=st.integers())\n"
        "def test_it(number, tried):\n    tried(1)\n"
    )
    assert row(run(tmp_path, text, "--promises", "-n0")[1], 6) == [1, 5, 0, 0]
    assert row(run(tmp_path, text, "--promises", "--long", "-n0")[1], 6) == [1, 50, 0, 0]
    assert row(run(tmp_path, text, "--promises", "--few=3", "-n0")[1], 6) == [1, 3, 0, 0]


def test_the_guide_names_for_each_promise_tests_that_are_marked_with_it() -> None:
    page = PROMISES.read_text(encoding="utf-8")
    section = page.partition("## What is promised")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", section, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(INVARIANTS)
    for number, _, tests in rows:
        files = re.findall(r"`(tests/[^`]+)`", tests)
        assert files, number
        for name in files:
            marks = re.findall(r"mark\.promise\(([^)]+)\)", (CHECKOUT / name).read_text(encoding="utf-8"))
            assert number in {one.strip() for mark in marks for one in mark.split(",")}, (number, name)
