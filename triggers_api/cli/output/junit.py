"""Write findings as a JUnit report, which every CI system displays."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from triggers_api.errors import ConfigurationError, LocalEnvironmentError
from triggers_api.ops.findings import Finding
from triggers_api.ops.printable import printable
from triggers_api.system_errors import explain_system_error

_ANOTHER = "Give the path of a file in an existing folder."


def check_writable(path: Path) -> None:
    """Refuse a path to which no report can be written. An existing file is not changed.

    Raises:
        ConfigurationError: The path cannot be written.
    """
    is_new = not path.exists()
    if not (is_new or path.is_file() or path.is_dir()):  # opening a pipe would wait for its reader
        raise _unwritable(path, "it is not a file", _ANOTHER)
    try:
        with path.open("ab"):
            pass
        if is_new and not path.is_symlink():
            path.unlink()
    except OSError as error:
        raise _unwritable(path, *explain_system_error(error, path.parent, otherwise=_ANOTHER)) from error


def _unwritable(path: Path, reason: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"--junit: {path} cannot be written.", reason=reason, hint=hint)


def write_report(path: Path, findings: Sequence[Finding]) -> None:
    """Write a suite with a case for each check.

    Raises:
        LocalEnvironmentError: The report cannot be written.
    """
    try:
        path.write_bytes(_make_report(findings))
    except OSError as error:
        reason, hint = explain_system_error(error, path.parent, otherwise=_ANOTHER)
        raise LocalEnvironmentError(
            f"The report {path} could not be written.",
            reason=reason,
            hint=f"Run the checks again after this fix: {hint}",
        ) from error


def _make_report(findings: Sequence[Finding]) -> bytes:
    failures = sum(not one.passed for one in findings)
    total = sum(one.milliseconds for one in findings)
    counts = {"tests": str(len(findings)), "failures": str(failures), "errors": "0", "time": _seconds(total)}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "triggers smoke", **counts, "skipped": "0"})
    for one in findings:
        about = {"classname": "triggers.smoke", "name": one.check, "time": _seconds(one.milliseconds)}
        case = ET.SubElement(suite, "testcase", about)
        if not one.passed:
            message = printable(one.message)
            failure = ET.SubElement(case, "failure", {"message": message, "type": "failure"})
            parts = {
                "expected": one.expected,
                "saw": one.message,
                "fix": one.fix,
                "request id": one.request_id,
            }
            failure.text = "\n".join(f"{name}: {printable(text)}" for name, text in parts.items() if text)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"
