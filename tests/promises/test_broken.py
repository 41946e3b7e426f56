"""Break each promise once, in one line of the code: the test that `breaks.toml` names must fail.

Each break is made in a copy of the code. The process of the named test imports that copy, and so do the
servers that the test starts. In an unchanged copy the named tests must pass, else their failure would prove
nothing.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.promises import INVARIANTS
from tests.support.rehearsal import CHECKOUT

PARTS = ("triggers_api", "tests", "deploy")
FILES = ("pyproject.toml", "README.md", "DEPLOYMENT.md", "SECURITY.md", "CHANGELOG.md", "LICENSE")

CHILD_SECONDS = 600
"""For one test, on a busy machine."""

pytestmark = pytest.mark.timeout(CHILD_SECONDS + 60)


@dataclass(frozen=True, slots=True)
class Break:
    """A change in one place of the code, and the test that must fail because of it."""

    promise: int
    what: str
    file: str
    old: str
    new: str
    test: str


def breaks() -> list[Break]:
    text = Path(__file__).with_name("breaks.toml").read_text(encoding="utf-8")
    return [Break(**table) for table in tomllib.loads(text)["break"]]


def copied(to: Path) -> Path:
    for part in PARTS:
        # With its bytecode. A name with another ending is bytecode that is being written.
        shutil.copytree(CHECKOUT / part, to / part, ignore=shutil.ignore_patterns("*.pyc.*"))
    for name in FILES:
        shutil.copy(CHECKOUT / name, to)
    return to


def run_in(copy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy. Their child processes import the copy too, wherever the package is installed."""
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *options],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=CHILD_SECONDS,
    )


@pytest.mark.promise
def test_breaks_cover_every_promise() -> None:
    assert {one.promise for one in breaks()} == INVARIANTS.keys()


@pytest.mark.slow("runs pytest in a copy of the code")
@pytest.mark.promise
def test_named_tests_pass_in_an_unchanged_copy(tmp_path: Path) -> None:
    tests = sorted({one.test for one in breaks()})
    done = run_in(copied(tmp_path), "--few=3", *tests)  # in their quick form: the suite runs the full one
    assert done.returncode == pytest.ExitCode.OK, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{len(tests)} passed" in done.stdout, done.stdout[-3000:]


@pytest.mark.slow("runs pytest in a copy of the code")
@pytest.mark.parametrize(
    "broken",
    [pytest.param(one, marks=pytest.mark.promise(one.promise)) for one in breaks()],
    ids=lambda one: f"{one.promise}: {one.what}",
)
def test_named_test_fails_when_its_promise_is_broken(broken: Break, tmp_path: Path) -> None:
    changed = copied(tmp_path) / broken.file
    text = changed.read_text(encoding="utf-8")
    assert text.count(broken.old) == 1, f"{broken.file} has changed: update breaks.toml"
    changed.write_text(text.replace(broken.old, broken.new), encoding="utf-8")
    done = run_in(tmp_path, "--promises", "--hypothesis-profile=first-failure", broken.test)
    # The test itself must fail. An error in its set-up or at import does not count.
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-3000:] + done.stderr[-3000:]
    assert "1 failed" in done.stdout, done.stdout[-3000:]
    row = next(line for line in done.stdout.splitlines() if line.startswith(f"{broken.promise} "))
    tests, _, failures, _ = row.split()[-4:]
    assert (int(tests) >= 1, failures) == (True, "1"), "the test that failed is not marked with this promise"
