"""The project's documents: their places, their shell blocks, their tables, and the text between two marks."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "deploy" / "guide"
CAPACITY, COSTS, OPERATING, PROMISES, REFERENCE = (
    GUIDE / f"{name}.md" for name in ("capacity", "costs", "operating", "promises", "reference")
)
PATHS = [*sorted(ROOT.glob("*.md")), *sorted(GUIDE.glob("*.md"))]
DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}

RECORDED = "<!-- recorded: {} -->"
END_OF_RECORDING = "<!-- end of the recording -->"

# Under this `curl`, a script stops at an error status, and each answer ends its line.
PRELUDE = 'set -euo pipefail\ncurl() { command curl -sS --fail-with-body "$@"; echo; }\n'


def blocks(document: str, section: str) -> list[str]:
    """Return the shell blocks of a section of a document, without those of the next section."""
    return [text for language, text in fences(document, section) if language == "sh"]


def fences(document: str, section: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a section of a document, each with its language."""
    text = DOCUMENTS[document].split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def rows(document: str, head: str) -> list[list[str]]:
    """Return the cells of the table whose first line starts with a head."""
    table = DOCUMENTS[document].partition(f"\n{head}")[2].partition("\n\n")[0]
    found = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()[2:]]
    assert found, f"{document} has no table that starts with {head}"
    return found


def without_recordings(text: str) -> str:
    """Return a document without the output of commands."""
    return re.sub(rf"{RECORDED.format('.*?')}.*?{END_OF_RECORDING}", "", text, flags=re.DOTALL)


def recorded(text: str, name: str) -> str:
    """Return a recording of a document."""
    return text.partition(f"{RECORDED.format(name)}\n```text\n")[2].partition(f"```\n{END_OF_RECORDING}")[0]


def with_text(document: str, mark: str, text: str, end: str) -> str:
    """Return a document with other lines between a mark and the next end mark."""
    before, found, rest = document.partition(mark)
    _, found_end, after = rest.partition(end)
    assert found, f"the document has no {mark}"
    assert found_end, f"the document has no {end} after {mark}"
    return f"{before}{mark}\n{text}{end}{after}"
