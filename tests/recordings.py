"""Record what commands print, on an emulated account: `python -m tests.recordings`.

What stands in DEPLOYMENT.md between two marks is the text of a real run on a terminal, and the pictures of
the README are such runs in colour. Neither is ever edited by hand.
"""

import io
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.support import ministack
from tests.support.cloudformation_gaps import restoring
from tests.support.rehearsal import CHECKOUT, Rehearsal, install

GUIDE = CHECKOUT / "DEPLOYMENT.md"
MARK = "<!-- recorded: {} -->"
END = "<!-- end of the recording -->"
PICTURES = CHECKOUT / "tests" / "pictures"
_PLAIN = {"NO_COLOR": "1", "TERM": "dumb"}
# Rich then writes colours, and a table that grows only once: as it is at its end.
_COLOURED = {"TTY_INTERACTIVE": "0"}
_COLUMNS = 110


def recorded(guide: str, name: str) -> str:
    """Return what a document has of a recording."""
    _, _, rest = guide.partition(f"{MARK.format(name)}\n```text\n")
    return rest.partition(f"```\n{END}")[0]


def with_recording(guide: str, name: str, text: str) -> str:
    """Return a document with a recording in its place."""
    return with_text(guide, MARK.format(name), f"```text\n{text}```\n", END)


def with_text(guide: str, mark: str, text: str, end: str) -> str:
    """Return a document with a text, of whole lines, between two marks of it."""
    before, begins, rest = guide.partition(mark)
    _, ends, after = rest.partition(end)
    assert begins, f"the guide has no place for {mark}"
    assert ends, f"the guide has no end of {mark}"
    return f"{before}{mark}\n{text}{end}{after}"


def record(rehearsal: Rehearsal) -> dict[str, str]:
    """Deploy, and return what each command shows on a terminal, with the line that was typed."""
    plain = rehearsal.with_variables(**_PLAIN)
    ids = rehearsal.ask("smoke", "--stage", "prod")["checks"]
    request_id = next(one["request_id"] for one in ids if one["check"] == "ingest")
    return {
        "smoke": _shown(plain, "smoke", "--stage", "prod"),
        "verify": _shown(plain, "verify", "--stage", "prod"),
        "logs": _shown(plain, "logs", "tail", "--stage", "prod", "--no-follow", "--request-id", request_id),
    }


def draw(rehearsal: Rehearsal) -> dict[str, str]:
    """Deploy for the first time, try it, and return what a terminal showed as SVG."""
    coloured = rehearsal.with_variables(**_COLOURED)
    with restoring(rehearsal.emulator):
        deployed = _shown(coloured, "deploy", "--stage", "prod", typed={"[y/N]": "y\n"})
    return {"deploy": _picture(deployed), "smoke": _picture(_shown(coloured, "smoke", "--stage", "prod"))}


def _shown(rehearsal: Rehearsal, *arguments: str, typed: Mapping[str, str] | None = None) -> str:
    session = rehearsal.on_terminal(*arguments, columns=_COLUMNS, replies=list((typed or {}).items()))
    assert session.code == 0, session.screen
    lines = [line.rstrip() for line in session.screen.replace("\r", "").splitlines()]
    text = re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
    return f"$ triggers {' '.join(arguments)}\n{text}\n"


def _picture(shown: str) -> str:
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown))
    return console.export_svg(title="Triggers API")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ministack.running() as emulator:
        place = Path(folder)
        rehearsal = Rehearsal(install(place / "wheel"), emulator, place / "rehearsal")
        pictures, recordings = draw(rehearsal), record(rehearsal)
    for name, svg in pictures.items():
        (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    guide = GUIDE.read_text(encoding="utf-8")
    for name, text in recordings.items():
        guide = with_recording(guide, name, text)
    GUIDE.write_text(guide, encoding="utf-8")


if __name__ == "__main__":
    main()
