"""Record what commands print into DEPLOYMENT.md, on an emulated account: `python -m tests.recordings`.

What stands there between two marks is the text of a real run on a terminal, and is never edited by hand.
"""

import re
import tempfile
from pathlib import Path

from tests.support import ministack
from tests.support.rehearsal import CHECKOUT, Rehearsal, install

GUIDE = CHECKOUT / "DEPLOYMENT.md"
MARK = "<!-- recorded: {} -->"
END = "<!-- end of the recording -->"
_PLAIN = {"NO_COLOR": "1", "TERM": "dumb"}


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
    rehearsal.deploy("prod")
    terminal = rehearsal.with_variables(**_PLAIN)
    smoke = _shown(terminal, "smoke", "--stage", "prod")
    ids = rehearsal.ask("smoke", "--stage", "prod")["checks"]
    request_id = next(one["request_id"] for one in ids if one["check"] == "ingest")
    return {
        "smoke": smoke,
        "verify": _shown(terminal, "verify", "--stage", "prod"),
        "logs": _shown(
            terminal, "logs", "tail", "--stage", "prod", "--no-follow", "--request-id", request_id
        ),
    }


def _shown(rehearsal: Rehearsal, *arguments: str) -> str:
    session = rehearsal.on_terminal(*arguments, columns=110)
    assert session.code == 0, session.screen
    lines = [line.rstrip() for line in session.screen.replace("\r", "").splitlines()]
    text = re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
    return f"$ triggers {' '.join(arguments)}\n{text}\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ministack.running() as emulator:
        place = Path(folder)
        rehearsal = Rehearsal(install(place / "wheel"), emulator, place / "rehearsal")
        recordings = record(rehearsal)
    guide = GUIDE.read_text(encoding="utf-8")
    for name, text in recordings.items():
        guide = with_recording(guide, name, text)
    GUIDE.write_text(guide, encoding="utf-8")


if __name__ == "__main__":
    main()
