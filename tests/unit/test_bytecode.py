"""Bytecode for Lambda's Python: the choice of the interpreter, and the compiled files."""

import importlib.util
import marshal
import os
import platform
import sys
import types
from pathlib import Path

import pytest

from triggers_api.errors import BuildError
from triggers_api.ops.build.bytecode import Interpreter, compile_sources, find_interpreter
from triggers_api.ops.build.uv import Uv

OWN = f"python{sys.version_info.major}.{sys.version_info.minor}"
OTHER = "python3.99"
HERE = Interpreter(sys.executable, platform.python_version())
READS_ITS_SOURCE = "anyio/__init__.py"


def program(path: Path, says: str, code: int = 0) -> str:
    """Create a program that prints a text and exits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' {says}\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one on PATH, apart from the shell's tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.defpath}")
    return folder


@pytest.fixture
def uv(tmp_path: Path) -> Uv:
    """A uv that manages no Python."""
    return Uv(program(tmp_path / "uv", "", 2), os.environ)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    for name, text in {
        "package/__init__.py": "",
        "package/module.py": "NAMES = {'a', 'b', 'c'}\n\ndef fails():\n    raise KeyError\n",
        READS_ITS_SOURCE: "import sys\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def loaded(path: Path) -> types.CodeType:
    code = marshal.loads(path.read_bytes()[16:])
    assert isinstance(code, types.CodeType)
    return code


def test_running_python_compiles_for_its_own_version(uv: Uv) -> None:
    found = find_interpreter(OWN, uv)
    assert found is not None
    assert found.version == platform.python_version()


def test_other_versions_are_searched_on_path(on_path: Path, uv: Uv) -> None:
    program(on_path / OTHER, "cpython-399 final 3.99.7 /real/python3.99")
    assert find_interpreter(OTHER, uv) == Interpreter("/real/python3.99", "3.99.7")


def test_launcher_without_a_python_is_skipped(on_path: Path, tmp_path: Path) -> None:
    program(on_path / OTHER, "no such version", 127)
    known = program(tmp_path / "elsewhere" / OTHER, "cpython-399 final 3.99.7 /real/python3.99")
    uv = Uv(program(tmp_path / "uv", known), os.environ)
    assert find_interpreter(OTHER, uv) == Interpreter("/real/python3.99", "3.99.7")


@pytest.mark.parametrize("tag", ["pypy399-pp73", "cpython-398"])
def test_interpreter_with_another_bytecode_format_is_skipped(on_path: Path, uv: Uv, tag: str) -> None:
    program(on_path / OTHER, f"{tag} final 3.99.7 /real/python3.99")
    assert find_interpreter(OTHER, uv) is None


def test_prerelease_interpreter_is_skipped(on_path: Path, uv: Uv) -> None:
    program(on_path / OTHER, "cpython-399 candidate 3.99.0rc2 /real/python3.99")
    assert find_interpreter(OTHER, uv) is None


@pytest.mark.parametrize(
    "script",
    [
        "",
        "echo Welcome to my Python; echo cpython-399; echo final; echo 3.99.7; echo /real",
        "printf '\\377'",
    ],
    ids=["silent", "with a banner", "not UTF-8"],
)
def test_program_that_is_not_python_is_skipped(on_path: Path, uv: Uv, script: str) -> None:
    path = Path(program(on_path / OTHER, ""))
    path.write_text(f"#!/bin/sh\n{script}\n")
    assert find_interpreter(OTHER, uv) is None


def test_program_that_hangs_is_skipped(on_path: Path, uv: Uv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers_api.ops.build.bytecode._IDENTIFY_SECONDS", 0.2)
    Path(program(on_path / OTHER, "")).write_text("#!/bin/sh\nexec sleep 60\n")
    assert find_interpreter(OTHER, uv) is None


def test_no_interpreter_is_found_when_the_machine_has_none(on_path: Path, uv: Uv) -> None:
    assert find_interpreter(OTHER, uv) is None


def test_sources_become_bytecode_except_those_read_at_import(sources: Path) -> None:
    compile_sources(sources, HERE)
    cached = importlib.util.cache_from_source(READS_ITS_SOURCE)
    expected = {"package/__init__.pyc", "package/module.pyc", READS_ITS_SOURCE, cached}
    assert files(sources).keys() == expected


def test_traceback_names_the_source_path_in_lambda(sources: Path) -> None:
    compile_sources(sources, HERE)
    code = loaded(sources / "package" / "module.pyc")
    assert code.co_filename == "/var/task/package/module.py"
    names: dict[str, types.FunctionType] = {}
    exec(code, names)
    assert names["fails"].__code__.co_firstlineno == 3


def test_same_sources_compile_to_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    again = tmp_path / "again-in-a-folder-with-a-longer-name"
    for name, data in files(sources).items():
        (again / name).parent.mkdir(parents=True, exist_ok=True)
        (again / name).write_bytes(data)
        os.utime(again / name, (1, 1))
    compile_sources(sources, HERE)
    compile_sources(again, HERE)
    assert files(again) == files(sources)


def test_invalid_source_is_named_in_the_error(sources: Path) -> None:
    (sources / "package" / "module.py").write_text("def")
    with pytest.raises(BuildError, match="could not compile") as caught:
        compile_sources(sources, HERE)
    assert "/var/task/package/module.py" in caught.value.reason
    assert (sources / "package" / "module.py").exists()


def test_missing_interpreter_is_named_in_the_error(sources: Path) -> None:
    with pytest.raises(BuildError, match=r"Python 3\.99\.7 could not compile") as caught:
        compile_sources(sources, Interpreter("/gone/python3.99", "3.99.7"))
    assert "/gone/python3.99 does not run" in caught.value.reason
