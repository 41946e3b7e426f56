"""Record what commands print, on an emulated account: `python -m tests.recordings`.

The documents show the output of real runs: as text between two marks, and as pictures in the README. Run this
command instead of editing them.
"""

import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.support import ministack
from tests.support.cloudformation_gaps import restoring
from tests.support.documents import END_OF_RECORDING, PATHS, RECORDED, ROOT, with_text
from tests.support.rehearsal import Rehearsal, install
from tests.walks import Walks, install_older

PICTURES = ROOT / "tests" / "pictures"
# The commands run in a home their own, so printed commands need not name these files.
_OWN_HOME = {"AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": ""}
_PLAIN = {"NO_COLOR": "1", "TERM": "dumb", **_OWN_HOME}
# Rich then writes colours, and draws a live table only once, in its final state.
_COLOURED = {"TTY_INTERACTIVE": "0", **_OWN_HOME}
_COLUMNS = 100


def record_pictures(rehearsal: Rehearsal) -> dict[str, str]:
    """Deploy for the first time, run the smoke test, and return what the terminal showed as SVG."""
    coloured = rehearsal.with_variables(**_COLOURED)
    with restoring(rehearsal.emulator):
        deployed = _screen(coloured, "deploy", "--stage", "prod", typed={"[y/N]": "y\n"})
    return {"deploy": _picture(deployed), "smoke": _picture(_screen(coloured, "smoke", "--stage", "prod"))}


def record_texts(rehearsal: Rehearsal) -> dict[str, str]:
    """Return what each command shows on a terminal once the stage is deployed, with the command itself."""
    plain = rehearsal.with_variables(**_PLAIN)
    checks = rehearsal.ask("smoke", "--stage", "prod")["checks"]
    request_id = next(check["request_id"] for check in checks if check["check"] == "ingest")
    return {
        "smoke": _screen(plain, "smoke", "--stage", "prod"),
        "verify": _screen(plain, "verify", "--stage", "prod"),
        "logs": _screen(plain, "logs", "tail", "--stage", "prod", "--no-follow", "--request-id", request_id),
    }


def record_walks(rehearsal: Rehearsal, place: Path) -> dict[str, str]:
    """Return the walks of an operator, in an account of their own."""
    with ministack.running() as emulator:
        walker = replace(rehearsal, emulator=emulator, folder=place / "walks")
        walks = Walks(walker, install_older(place), place)
        return {f"walk-{name}": text for name, text in walks.record()}


def write_text(name: str, text: str) -> None:
    """Replace a recording in each document that shows it."""
    mark = RECORDED.format(name)
    shown_in = [path for path in PATHS if mark in path.read_text(encoding="utf-8")]
    assert shown_in, f"no document shows the recording {name}: add {mark} and {END_OF_RECORDING}"
    for path in shown_in:
        document = path.read_text(encoding="utf-8")
        path.write_text(
            with_text(document, mark, f"```text\n{text}```\n", END_OF_RECORDING), encoding="utf-8"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ministack.running() as emulator:
        place = Path(folder)
        rehearsal = Rehearsal(install(place / "wheel"), emulator, place / "rehearsal")
        plain = rehearsal.with_variables(**_PLAIN)
        texts = {"doctor": _screen(plain, "doctor", "--stage", "prod")}
        pictures = record_pictures(rehearsal)
        texts |= record_texts(rehearsal)
        texts |= record_walks(plain, place)
    for name, svg in pictures.items():
        (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    for name, text in texts.items():
        write_text(name, text)


def _screen(rehearsal: Rehearsal, *arguments: str, typed: Mapping[str, str] | None = None) -> str:
    session = rehearsal.on_terminal(*arguments, columns=_COLUMNS, replies=list((typed or {}).items()))
    assert session.code == 0, session.screen
    lines = [line.rstrip() for line in session.screen.replace("\r", "").splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    text = re.sub(r"(?<= )/\S+/bin/", "/usr/local/bin/", text)  # the recording's own folders mean nothing
    return f"$ triggers {' '.join(arguments)}\n{text}\n"


def _picture(shown: str) -> str:
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown))
    return console.export_svg(title="Triggers API")


if __name__ == "__main__":
    main()
