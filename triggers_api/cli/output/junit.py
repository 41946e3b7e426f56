"""Results of checks as a JUnit report, which every CI shows."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from triggers_api.cli.output.console import printable
from triggers_api.errors import ConfigurationError, LocalEnvironmentError
from triggers_api.ops.results import Result


def check_writable(path: Path) -> None:
    """Return where a report can be written, and leave what is there; else `ConfigurationError`."""
    is_new = not path.exists()
    if not (is_new or path.is_file() or path.is_dir()):  # to open a pipe would be to wait for its reader
        raise _unwritable(path, "it is not a file")
    try:
        with path.open("ab"):
            pass
        if is_new and not path.is_symlink():
            path.unlink()
    except OSError as error:
        raise _unwritable(path, (error.strerror or str(error)).lower()) from error


def _unwritable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"--junit: {path} cannot be written.",
        reason=reason,
        hint="Give the path of a file in a folder that is there.",
    )


def write_report(path: Path, results: Sequence[Result]) -> None:
    """Write a suite with a case for each check; `LocalEnvironmentError` where that fails now."""
    try:
        path.write_bytes(_report(results))
    except OSError as error:
        raise LocalEnvironmentError(
            f"The report {path} could not be written.",
            reason=(error.strerror or str(error)).lower(),
            hint="Make room, and check again.",
        ) from error


def _report(results: Sequence[Result]) -> bytes:
    failures = sum(not one.passed for one in results)
    total = sum(one.milliseconds for one in results)
    counts = {"tests": str(len(results)), "failures": str(failures), "errors": "0", "time": _seconds(total)}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "triggers smoke", **counts, "skipped": "0"})
    for one in results:
        about = {"classname": "triggers.smoke", "name": one.check, "time": _seconds(one.milliseconds)}
        case = ET.SubElement(suite, "testcase", about)
        if not one.passed:
            failure = ET.SubElement(case, "failure", {"message": printable(one.saw), "type": "failure"})
            parts = {"expected": one.expected, "saw": one.saw, "fix": one.fix, "request id": one.request_id}
            lines = (f"{name}: {printable(text)}" for name, text in parts.items() if text)
            failure.text = "\n".join(lines)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"
