"""The temporary folder of a build is removed, however the build ends."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from triggers_api.ops.build.scratch import scratch_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def fill(folder: Path) -> None:
    for name in ("one", "two", "three"):
        (folder / name).touch()


def test_scratch_folder_is_empty_and_removed_on_exit(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == temporary
        assert list(folder.iterdir()) == []
        fill(folder)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, OSError])
def test_scratch_folder_is_removed_after_any_exception(temporary: Path, ending: type[BaseException]) -> None:
    def use() -> None:
        with scratch_folder() as folder:
            fill(folder)
            raise ending

    with pytest.raises(ending):
        use()
    assert list(temporary.iterdir()) == []


def test_interrupt_during_removal_leaves_nothing(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink, calls = os.unlink, []

    def interrupted(*arguments: Any, **options: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        unlink(*arguments, **options)

    monkeypatch.setattr(os, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt), scratch_folder() as folder:
        fill(folder)
    assert list(temporary.iterdir()) == []
