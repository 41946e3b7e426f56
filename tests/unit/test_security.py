"""SECURITY.md has a row for each of OWASP's ten API risks (2023), with the tests that cover it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
RISKS = {
    "API1": "Broken object level authorization",
    "API2": "Broken authentication",
    "API3": "Broken object property level authorization",
    "API4": "Unrestricted resource consumption",
    "API5": "Broken function level authorization",
    "API6": "Unrestricted access to sensitive business flows",
    "API7": "Server side request forgery",
    "API8": "Security misconfiguration",
    "API9": "Improper inventory management",
    "API10": "Unsafe consumption of APIs",
}
ROWS = {
    cells[0].partition(" ")[0]: cells
    for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines())
    if cells and cells[0].startswith("API")
}


def test_security_page_lists_the_ten_risks_in_order() -> None:
    assert [cells[0] for cells in ROWS.values()] == [f"{number} {name}" for number, name in RISKS.items()]


@pytest.mark.parametrize("risk", RISKS)
def test_risk_row_names_threat_measures_and_tests(risk: str) -> None:
    _, here, done, covered = ROWS[risk]
    assert len(here) > 20
    assert len(done) > 20
    files = re.findall(r"`([^`]+)`", covered)
    assert files
    assert covered == ", ".join(f"`{name}`" for name in files)
    for name in files:
        assert re.search(r"^def test_", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE), name


def test_security_page_shows_the_audit_command() -> None:
    (command,) = re.findall(r"^pip-audit .*$", PAGE, re.MULTILINE)
    assert command == "pip-audit -r deploy/requirements.txt"
    assert (ROOT / command.split()[-1]).is_file()


def test_security_page_is_linked_from_the_readme_and_part_of_the_sdist() -> None:
    assert "](SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "/SECURITY.md" in project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
