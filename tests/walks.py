"""The walks of an operator, typed on a terminal in front of an emulated account, as the guide shows them.

Each walk is a question of an operator, and the commands that answer it. `tests.recordings` writes what they
print into `deploy/guide/walks.md`.
"""

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from tests.support.cloudformation_gaps import restoring
from tests.support.rehearsal import CHECKOUT, Rehearsal, install

OLDER = "0.0.9"
"""The version from which the walks upgrade, and to which they go back: this one under another number."""

COLUMNS = 100
PROD = ("--stage", "prod")
YES = {"[y/N]": "y\n"}


def install_older(folder: Path) -> Path:
    """Install this checkout as an older version, and return its `triggers`."""
    copy = folder / "checkout"
    for name in ("triggers_api", "deploy"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / name, copy)
    version = copy / "triggers_api" / "version.py"
    text, number = re.subn(r'VERSION = "[^"]+"', f'VERSION = "{OLDER}"', version.read_text(encoding="utf-8"))
    assert number == 1
    version.write_text(text, encoding="utf-8")
    return install(folder / "older", checkout=copy)


class Walks:
    """The walks, which change the account in order.

    Args:
        rehearsal: The commands, in an account without a stage `prod`.
        older: The `triggers` of an older version.
        folder: For files.
    """

    def __init__(self, rehearsal: Rehearsal, older: Path, folder: Path) -> None:
        self._here = rehearsal
        self._older = replace(rehearsal, triggers=older)
        self._folder = folder

    def record(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the recording of each walk."""
        with restoring(self._here.emulator):
            self._older.deploy("prod")
            yield "upgrade", self._upgrade()
            producer = self._fill()
            yield "backlog", self._type("inbox", *PROD)
            yield "refused", self._find_refused_key()
            yield "requeue", self._requeue()
            yield "leak", self._revoke(producer)
            yield "delete", self._delete()
            yield "cost", self._type("status", *PROD)
            yield "move", self._move()
            yield "back", self._type("deploy", *PROD, "--allow-downgrade", typed=YES, by=self._older)
        yield "region", self._deploy_elsewhere()

    def _upgrade(self) -> str:
        plan = self._type("deploy", *PROD, "--plan")
        deployed = self._type("deploy", *PROD, typed=YES)
        return plan + deployed + self._type("verify", *PROD)

    def _fill(self) -> str:
        """Send events, let a consumer acknowledge some, and return the id of the producer's key."""
        key = self._here.ask("keys", "create", *PROD, "--name", "shop", "--scope", "ingest", "--yes")
        worker = self._here.key("prod")
        headers = {"X-API-Key": key["api_key"]}
        with httpx.Client(base_url=self._here.url("prod"), trust_env=False, timeout=60) as api:
            for number in range(40):
                source = ("shop", "billing", "crm")[number % 3]
                event = {"source": source, "event_type": f"{source}.changed", "payload": {"n": number}}
                assert api.post("/v1/events", json=event, headers=headers).status_code == 201
            received = api.post(
                "/v1/inbox/receive", json={"max": 12, "lease_seconds": 60}, headers={"X-API-Key": worker}
            ).json()["events"]
            held = [{"event_id": one["event_id"], "lease": one["lease"]["token"]} for one in received]
            done = api.post("/v1/inbox/ack", json={"events": held}, headers={"X-API-Key": worker})
            assert done.status_code == 200
            old = self._here.ask("keys", "create", *PROD, "--name", "old-shop", "--yes")
            self._here.ask("keys", "revoke", old["id"], *PROD, "--yes")
            refused = api.post("/v1/events", json=event, headers={"X-API-Key": old["api_key"]})
            assert refused.status_code == 401
        self._refused = str(old["id"])
        return str(key["id"])

    def _find_refused_key(self) -> str:
        time.sleep(1)  # the log of the emulator is a moment behind
        wanted = ("--since", "1h", "--status", "401", "--filter", "key_id", "--no-follow")
        lines = self._type("logs", "tail", *PROD, *wanted)
        assert self._refused in lines, lines
        return lines + self._type("keys", "show", self._refused, *PROD)

    def _requeue(self) -> str:
        wanted = ("events", "requeue", *PROD, "--status", "acknowledged", "--acknowledged-since", "2h")
        return self._type(*wanted, "--dry-run") + self._type(*wanted, typed=YES)

    def _revoke(self, key_id: str) -> str:
        revoked = self._type("keys", "revoke", key_id, *PROD, typed=YES)
        lines = self._type("logs", "tail", *PROD, "--since", "1d", "--key", key_id, "--no-follow")
        first, *rest = lines.splitlines()
        return revoked + "\n".join([first, *rest[:5], "..."]) + "\n"

    def _delete(self) -> str:
        wanted = ("events", "delete", *PROD, "--source", "crm", "--status", "any")
        return self._type(*wanted, "--dry-run") + self._type(*wanted, typed=YES)

    def _move(self) -> str:
        """Move the stage to an account that the profile `new` belongs to."""
        file = self._folder / "events.ndjson"
        session = self._here.on_terminal("events", "export", *PROD, columns=COLUMNS, pipe_stdout=True)
        assert session.code == 0, session.screen
        file.write_text(session.piped, encoding="utf-8")
        text = _shown("triggers events export --stage prod > events.ndjson", session.screen)
        new = replace(self._here.emulator, access_key_id="2" * 12, secret_access_key="x")
        there = replace(self._here, emulator=new, folder=self._folder / "new")
        with restoring(new):
            text += self._type("deploy", *PROD, "--no-smoke", typed=YES, by=there)
        imported = self._type("events", "import", str(file), *PROD, typed=YES, by=there)
        text += imported.replace(str(file), "events.ndjson")
        return text + self._type("inbox", *PROD, by=there)

    def _deploy_elsewhere(self) -> str:
        region = "eu-west-1"
        elsewhere = replace(self._here, emulator=replace(self._here.emulator, region=region))
        with restoring(elsewhere.emulator):
            return self._type("deploy", "--stage", "staging", "--region", region, typed=YES, by=elsewhere)

    def _type(
        self, *arguments: str, typed: Mapping[str, str] | None = None, by: Rehearsal | None = None
    ) -> str:
        replies = list((typed or {}).items())
        session = (by or self._here).on_terminal(*arguments, columns=COLUMNS, replies=replies)
        assert session.code == 0, session.screen
        return _shown(f"triggers {' '.join(arguments)}", session.screen)


def _shown(command: str, screen: str) -> str:
    lines = [line.rstrip() for line in screen.replace("\r", "").splitlines()]
    text = re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
    text = re.sub(r"(?<= )/\S+/bin/", "/usr/local/bin/", text)  # the recording's own folders mean nothing
    return f"$ {command}\n{text}\n"
