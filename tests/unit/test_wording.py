"""Messages, docstrings, comments and documents avoid the words that readers had to translate."""

import re
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, ROOT, without_recordings

INSTEAD_OF = {
    r"whoever|whomever": "the caller, the user",
    r"nobody|somebody": "no user, another user, a caller",
    r"anew|made again": "again, recreate",
    r"\w*manieth": "an occurrence counter",
    r"for good|for ever|the while": "permanently, until then",
    r"lets? in|be let in|letting in": "authenticate, be valid",
    r"opens? the door": "authenticate",
    r"shuts?(?: \w+)* out": "revoke, reject",
    r"knock\w*": "authenticate, try a key",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"taken? back|takes back|took back": "remove, undo",
    r"tells?|told|telling": "report, print, return",
    r"said|say|saying": "report, print, name",
    r"lost sight of": "lost contact with",
    r"as above": "repeat the noun",
    r"of its own|another's|another's own": "repeat the noun",
    r"a yes": "confirmation, --yes",
    r"record of a key": "key record",
    r"parameters of the stack": "stack parameters",
}
"""Patterns of words, and what to write instead. A call such as `console.say(...)` is no word."""
WHERE_IN_CODE, WHERE_IN_DOCUMENTS = 25, 0
"""How often `where` may be used, apart from SQL's `WHERE`. Only lower these numbers."""

TEXTS = {
    **{
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(Path(ROOT, "triggers_api").rglob("*.py"))
    },
    **{name: without_recordings(text) for name, text in DOCUMENTS.items()},
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_has_no_word_that_must_be_translated(name: str) -> None:
    found = [
        f'{name}:{number}: "{word[0]}": write {instead}'
        for number, line in enumerate(TEXTS[name].splitlines(), start=1)
        for words, instead in INSTEAD_OF.items()
        for word in re.finditer(rf"(?<![\w'.])(?:{words})(?![\w'(])", line, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("suffix", "limit"), [(".py", WHERE_IN_CODE), (".md", WHERE_IN_DOCUMENTS)])
def test_where_is_rare(suffix: str, limit: int) -> None:
    texts = {name: text for name, text in TEXTS.items() if name.endswith(suffix)}
    counts = {name: len(re.findall(r"\bwhere\b", text)) for name, text in texts.items()}
    worst = sorted(((count, name) for name, count in counts.items() if count), reverse=True)[:10]
    assert sum(counts.values()) <= limit, f"Write if, when or unless instead of where: {worst}"
