"""The door to the terminal: what it escapes, and that every module uses it."""

import ast
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given

from tests.support.wild_texts import BREAKS, CONTROLS, WILD_TEXTS
from triggers_api.cli.output import console
from triggers_api.errors import BuildError, OperatorError
from triggers_api.ops.build import artifact
from triggers_api.ops.build.paths import PACKAGE
from triggers_api.ops.printable import printable

DOOR = "cli/output/console.py"
PRINTS = {"print", "write", "writelines", "echo", "secho", "print_exc", "print_exception", "warn"}
RICH = {"rich", "rich.console", "rich.text", "rich.prompt", "rich.markup", "rich.pretty", "rich.traceback"}
REVIEWED = {
    ("cli/main.py", "write"),  # --version, which loads nothing else
    (
        "ops/build/artifact.py",
        "write",
    ),  # an archive; and alone in the process of `sam build`, with `printable`
    ("cli/output/progress.py", "print"),  # to a console of the door, and a text of the door
    ("cli/output/logs.py", "print"),
    ("cli/output/listen.py", "print"),
    ("cli/output/checks.py", "write"),  # `console.say` or `console.answer`
    ("cli/commands/logs.py", "write"),  # `LineWriter`
}
"""Calls that look like printing, and are safe."""


# What it escapes


@given(WILD_TEXTS)
def test_printable_text_has_no_control(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


def test_build_in_the_process_of_sam_escapes_what_uv_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BuildError("No \x1b[2J build.", reason="line\nerror: forged", hint="Do \x07.")

    monkeypatch.setattr(artifact, "build", fail)
    monkeypatch.setattr(sys, "argv", ["artifact", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        artifact.main()
    assert ended.value.code == "error: No \\x1b[2J build.\n  why: line\\nerror: forged\n  fix: Do \\x07."


@pytest.mark.parametrize(
    "text", [*BREAKS, *CONTROLS, "\x9b31m", "\u2066", "\u2069", "\u061c", "\ud800"], ids=ascii
)
def test_every_way_out_escapes(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.say(text, f"{text}x")
    console.say_list("Deploy", [text])
    console.answer(text)
    console.answer_table(("NAME", text), [(text, text)])
    console.show_error(OperatorError(text, reason=text, hint=text), as_json=False)
    console.prompt(text)
    written = capsys.readouterr()
    assert {char for char in written.out + written.err if not char.isprintable()} <= {"\n", "\t"}
    assert written.err.count("\n") == 6
    assert written.out.count("\n") == 3


@given(WILD_TEXTS)
def test_json_is_printable_and_keeps_its_meaning(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(sys.stdout, "write", lines.append)
        console.answer_line({"text": text, text: [text]})
    (line,) = lines
    assert line.removesuffix("\n").isprintable()
    assert json.loads(line) == {"text": text, text: [text]}


def test_markup_of_rich_is_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "terminal_width", lambda _: 100)
    console.answer_table(("NAME",), [("[red]x[/red] :smile: [link=http://evil]y[/link]",)])
    assert "[red]x[/red] :smile: [link=http://evil]y[/link]" in capsys.readouterr().out


# How it fits the terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes stdout and stderr a terminal of some width, without colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda width: monkeypatch.setattr(console, "terminal_width", lambda _: width)


TABLE = (("NAME", "SCOPES", "MS"), [("shop-of-berlin", "ingest consume manage", "7"), ("b", "all", "1,234")])


def test_table_aligns_numbers_right_and_folds_cells_between_words(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(36)
    console.answer_table(*TABLE)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()] == [
        " NAME            SCOPES          MS",
        " ──────────────────────────────────",
        " shop-of-berlin  ingest           7",
        "                 consume",
        "                 manage",
        " b               all          1,234",
    ]


def test_table_of_words_that_do_not_fit_has_two_lines_for_each_row(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(31)
    console.answer_table(*TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "",
        " NAME",
        "   SCOPES                 MS",
        " ──────────────────────────────",
        " shop-of-berlin",
        "   ingest consume manage  7",
        " b",
        "   all                    1,234",
        "",
    ]


def test_two_lines_of_a_row_are_about_as_long_as_each_other(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(34)
    console.answer_table(("A", "B", "C", "D"), [("a" * 12, "b" * 6, "c" * 8, "1")])
    assert capsys.readouterr().out.splitlines()[4:6] == [" aaaaaaaaaaaa  bbbbbb", "   cccccccc  1"]


def test_table_of_words_that_do_not_fit_on_two_lines_is_a_paragraph_for_each_row(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(24)
    console.answer_table(*TABLE)
    assert capsys.readouterr().out == (
        "NAME    shop-of-berlin\nSCOPES  ingest consume manage\nMS      7\n"
        "\n"
        "NAME    b\nSCOPES  all\nMS      1,234\n"
    )


@pytest.fixture
def coloured_terminal(
    terminal: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    """Return what sets the columns of a terminal, which shows colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def test_ok_is_green_and_a_failure_red_on_a_terminal(
    coloured_terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    coloured_terminal(80)
    console.answer_table(("CHECK", "RESULT"), [("a", "ok"), ("b", "FAILED")])
    console.answer_state("ok", "a")
    console.answer_state("failed", "b")
    shown = capsys.readouterr().out
    assert shown.count("\x1b[32mok") == 2
    assert "\x1b[31mFAILED" in shown
    assert "\x1b[31mfailed" in shown


def test_error_is_red_and_a_warning_yellow_on_a_terminal(
    coloured_terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    coloured_terminal(20)
    console.show_error(OperatorError("It failed, and that is all.", reason="a fault"), as_json=False)
    console.say("warning: Look.", "error without a colon")
    assert capsys.readouterr().err.splitlines() == [
        "\x1b[31merror\x1b[0m: It failed,",
        "       and that is",
        "       all.",
        "  why: a fault",
        "\x1b[33mwarning\x1b[0m: Look.",
        "error without a",
        "  colon",
    ]


def test_action_that_loses_a_resource_is_red_on_a_terminal(
    coloured_terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    coloured_terminal(80)
    rows = [(action, "Table") for action in ("Add", "Modify", "Replace", "Replace?", "Remove")]
    console.answer_table(("ACTION", "LOGICAL ID"), rows)
    shown = capsys.readouterr().out
    coloured = [word for word in ("Replace", "Remove") if f"\x1b[31m{word}" in shown]
    assert coloured == ["Replace", "Remove"]
    assert "\x1b[33mReplace?" in shown
    assert not any(f"m{word}" in shown for word in ("Add", "Modify"))


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        (
            "error: The stack is deployed, but its test failed.",
            "error: The stack is deployed,\n       but its test failed.",
        ),
        (
            "ok       region       us-east-1 of the profile",
            "ok       region       us-east-1\n                      of the\n                      profile",
        ),
        (
            "  fix: Change that, and deploy again: triggers deploy --stage prod --yes",
            "  fix: Change that, and deploy\n       again:\n       triggers deploy --stage prod --yes",
        ),
        (
            "See `triggers status --stage prod`, and try again later.",
            "See\n  `triggers status --stage prod`,\n  and try again later.",
        ),
        ("  fix: aws logs tail --log-group x --since 10m", "  fix: aws logs tail --log-group x --since 10m"),
        ("  A=b triggers keys create --name first --yes", "  A=b triggers keys create --name first --yes"),
    ],
)
def test_line_is_folded_between_words_but_not_in_a_command(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str], line: str, folded: str
) -> None:
    terminal(31)
    console.say(line)
    console.answer(line)
    assert capsys.readouterr() == (f"{folded}\n", f"{folded}\n")


def test_list_is_folded_between_its_items(
    terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    items = ["region us-east-1 (default)", "stage prod (--stage)", "stack x"]
    terminal(36)
    console.say_list("Deploy", items)
    terminal(0)
    console.say_list("Deploy", items)
    assert capsys.readouterr().err.splitlines() == [
        "Deploy: region us-east-1 (default),",
        "        stage prod (--stage),",
        "        stack x",
        "Deploy: region us-east-1 (default), stage prod (--stage), stack x",
    ]


# Every module uses it


def calls() -> Iterator[tuple[str, str]]:
    """Yield each call of a function that may print, and each import of what prints in Rich, by module."""
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                yield name, called
            elif isinstance(node, ast.ImportFrom) and node.module in RICH:
                yield from ((name, f"{node.module}.{one.name}") for one in node.names)
            elif isinstance(node, ast.Import):
                yield from ((name, one.name) for one in node.names if one.name in RICH)


def test_no_other_module_prints() -> None:
    found = {
        (name, called)
        for name, called in calls()
        if name.startswith(("cli/", "ops/")) and name != DOOR
        if called in PRINTS or (called.startswith("rich.") and called != "rich.box")
    }
    assert not found - REVIEWED, f"Print with {DOOR}: {found - REVIEWED}"
    assert not REVIEWED - found, f"These are gone: {REVIEWED - found}"
