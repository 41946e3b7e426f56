"""Links, anchors and file names in the documents lead somewhere, and each document lists its sections."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, ROOT, without_recordings

FOLDERS = ("tests", "triggers_api", "deploy")
WITH_CONTENTS = sorted(DOCUMENTS.keys() - {"CHANGELOG.md", "DEPLOYMENT.md"})


def anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def headings(text: str, levels: str = "#{1,6}") -> list[str]:
    return re.findall(rf"^{levels} (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


def links(name: str) -> list[tuple[Path, str]]:
    """Return the file and the anchor of each link within the project."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_recordings(DOCUMENTS[name]))
    local = [target.partition("#") for target in targets if not re.match(r"https?://", target)]
    here = ROOT / name
    return [((here.parent / path).resolve() if path else here, anchor) for path, _, anchor in local]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_links_to_files_and_anchors_that_exist(name: str) -> None:
    for path, target in links(name):
        assert path.exists(), f"{name} links to {path}, which does not exist"
        if target:
            anchors = {anchor(title) for title in headings(path.read_text(encoding="utf-8"))}
            assert target in anchors, f"{name} links to #{target}, but {path.name} has no such heading"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_names_only_files_that_exist(name: str) -> None:
    named = re.findall(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w/.-]*\w", DOCUMENTS[name])
    assert sorted({path for path in named if not (ROOT / path).exists()}) == []


@pytest.mark.parametrize("name", WITH_CONTENTS)
def test_document_lists_its_sections_at_the_top(name: str) -> None:
    contents = DOCUMENTS[name].partition("\n## ")[0]
    missing = [title for title in headings(DOCUMENTS[name], "##") if f"(#{anchor(title)})" not in contents]
    assert missing == [], f"Add these sections to the contents list of {name}"


def test_sdist_includes_every_document() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = tuple(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    missing = [name for name in DOCUMENTS if not f"/{name}".startswith(included)]
    assert missing == [], "Add these to the sdist's include list in pyproject.toml"


def test_every_part_of_the_guide_is_linked_from_its_entry() -> None:
    linked = {path.relative_to(ROOT).as_posix() for path, _ in links("DEPLOYMENT.md")}
    assert {name for name in DOCUMENTS if name.startswith("deploy/")} <= linked
