"""The tests of the promises, tested: each promise is broken once, in one line, and its tests must see it."""

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
FILES = ("pyproject.toml", "README.md", "DEPLOYMENT.md")


@dataclass(frozen=True, slots=True)
class Break:
    """A change of one place of the code, and the test that must fail with it."""

    promise: int
    what: str
    file: str
    old: str
    new: str
    test: str


def breaks() -> list[Break]:
    text = Path(__file__).with_name("breaks.toml").read_text(encoding="utf-8")
    return [Break(**table) for table in tomllib.loads(text)["break"]]


def test_every_promise_is_broken() -> None:
    assert {one.promise for one in breaks()} == INVARIANTS.keys()


@pytest.mark.parametrize("broken", breaks(), ids=lambda one: f"{one.promise}: {one.what}")
def test_a_broken_promise_is_noticed(broken: Break, tmp_path: Path) -> None:
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, tmp_path / part)
    for name in FILES:
        shutil.copy(CHECKOUT / name, tmp_path)
    changed = tmp_path / broken.file
    text = changed.read_text(encoding="utf-8")
    assert text.count(broken.old) == 1, f"{broken.file} has changed: break it anew in breaks.toml"
    changed.write_text(text.replace(broken.old, broken.new), encoding="utf-8")

    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider", "--promises"]
    command += ["--hypothesis-profile=first-failure"]
    done = subprocess.run(
        [*command, broken.test],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    # Not an error of the set-up, nor of the import: the test itself must fail.
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-3000:] + done.stderr[-3000:]
    assert "1 failed" in done.stdout, done.stdout[-3000:]
    row = next(line for line in done.stdout.splitlines() if line.startswith(f"{broken.promise} "))
    tests, _, failures, _ = row.split()[-4:]
    assert (int(tests) >= 1, failures) == (True, "1"), "the test that failed is not marked with this promise"
