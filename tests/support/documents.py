"""The shell blocks of the README and of the guide, as they are written."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A curl that fails on an error, and prints each answer on a line of its own and nothing else.
PRELUDE = 'set -euo pipefail\ncurl() { command curl -sS --fail-with-body "$@"; echo; }\n'


def blocks(document: str, section: str) -> list[str]:
    """Return the shell blocks under a heading of a document."""
    text = (ROOT / document).read_text(encoding="utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
