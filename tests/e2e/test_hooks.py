"""The life of a hook: `triggers hooks` on one side, the running service on the other."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Backend, Deployed, client_of
from tests.e2e.test_keys_end_to_end import comes_true, commands_of, stored_bytes
from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.dev_server import DevServer
from tests.support.hook_commands import HookCommands, hooks_of, whole_id
from tests.support.rehearsal import said
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.schemes import sign

CACHE_SECONDS = 1
PATIENCE = CACHE_SECONDS + 2.0
"""As for keys. A new secret is found within a second, whatever is cached."""
BODY = b'{"action": "opened", "number": 7}'


@dataclass(frozen=True)
class Service:
    """A running service, and the commands that manage its hooks."""

    server: DevServer
    hooks: HookCommands

    def create(self, *arguments: str) -> dict[str, Any]:
        return self.hooks.create("--public-url", self.server.url, *arguments)

    def test(self, url: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = self.hooks.run("test", "-", "--public-url", self.server.url, "--json", *arguments, given=url)
        assert done.returncode == code, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def inbox(self) -> list[dict[str, Any]]:
        with ApiClient(self.server.url, key=self._key()) as client:
            return client.inbox()

    def _key(self) -> str:
        options = ("--stage", self.hooks.stage, *self.hooks.options)
        done = dev_server.run("keys", "create", *options, variables=self.hooks.variables)
        return done.stdout.strip()


def deliver(url: str, secret: str) -> int:
    """Post an issue as GitHub does, and return the status."""
    headers, _ = sign(PRESETS["github"].scheme, secret, BODY, now=int(time.time()), delivery_id="")
    headers |= {"X-GitHub-Event": "issues", "X-GitHub-Delivery": f"{time.time_ns()}"}
    return httpx.post(url, content=BODY, headers=headers, trust_env=False).status_code


@pytest.fixture
def service(backend: Backend) -> Iterator[Service]:
    mode = {} if backend.endpoint_url is None else {"AUTH_MODE": "aws"}
    variables = {**backend.variables, "AUTH_CACHE_SECONDS": str(CACHE_SECONDS), **mode}
    with dev_server.running(*backend.arguments, variables=variables) as server:
        yield Service(server, hooks_of(commands_of(backend)))


def test_hook_is_created_tested_rotated_and_revoked(service: Service) -> None:
    made = service.create()
    url, old = made["url"], made["secret"]
    tested = service.test(url)
    assert (tested["id"], tested["source"], tested["event_type"]) == (made["id"], "shop", "ping")
    (event,) = service.inbox()
    assert (event["event_id"], event["status"]) == (tested["event_id"], "pending")
    assert event["metadata"]["webhook"]["delivery_id"] == tested["delivery_id"]
    assert deliver(url, old) == 200
    assert deliver(url, "another secret") == 401

    new = service.hooks.ask("rotate", made["id"], "--overlap", "5s")["secret"]
    rotated = time.monotonic()
    assert comes_true(lambda: deliver(url, new) == 200, PATIENCE)
    assert deliver(url, old) == 200
    assert time.monotonic() - rotated < 5, "the machine is too slow for this test"
    assert service.test(url)["id"] == made["id"]
    assert comes_true(lambda: deliver(url, old) == 401, 5 + PATIENCE)
    assert deliver(url, new) == 200

    assert service.hooks.run("revoke", made["id"]).returncode == 0
    assert comes_true(lambda: deliver(url, new) == 404, PATIENCE)
    assert service.test(url, code=6)["error"]["code"] == "CHECKS_FAILED"
    assert service.hooks.all()[made["id"]]["state"] == "revoked"
    assert {one["event_type"] for one in service.inbox()} == {"ping", "issues.opened"}


def test_hook_gets_the_secret_that_the_provider_makes_later(service: Service) -> None:
    made = service.create("--preset", "stripe")
    assert httpx.post(made["url"], content=BODY, trust_env=False).status_code == 503
    refused = service.test(made["url"], code=6)["error"]
    assert refused["code"] == "CHECKS_FAILED"
    assert f"{made['id']} --secret -" in refused["hint"]
    done = service.hooks.run("rotate", made["id"], "--secret", "-", given="whsec_of_stripe\n")
    assert done.returncode == 0, done.stderr
    assert comes_true(lambda: httpx.post(made["url"], trust_env=False).status_code == 401, PATIENCE)
    assert service.test(made["url"])["event_type"] == "triggers.test"


def test_test_at_another_stage_fails_without_the_id(service: Service, tmp_path: Path) -> None:
    with dev_server.running(*dev_server.on_folder(tmp_path / "another")) as another:
        made = service.create()
        line = ("test", "-", "--public-url", another.url)
        done = service.hooks.run(*line, given=made["url"])
    assert (done.returncode, done.stdout) == (6, "")
    assert "The service answered 404 to a signed sample." in done.stderr
    assert whole_id(made["url"]) not in done.stderr


def test_hook_id_is_no_api_key_of_the_service(service: Service) -> None:
    made = service.create()
    with ApiClient(service.server.url, key=whole_id(made["url"])) as client:
        assert client.call("GET", "/v1/inbox").status == 401


@pytest.mark.promise(11)
def test_no_id_is_stored_and_no_id_or_secret_is_logged(service: Service, backend: Backend) -> None:
    made = service.create()
    new = service.hooks.ask("rotate", made["url"])["secret"]
    assert deliver(made["url"], new) == 200
    assert deliver(made["url"], "another secret") == 401
    assert comes_true(lambda: "reason=signature" in service.server.log.read_text(), 10)  # after the answer
    logged = service.server.log.read_text() + service.server.output.read_text()
    assert f"hook_id={made['id']}" in logged
    hook_id = whole_id(made["url"])
    for part in (made["secret"], new, hook_id, hook_id.removeprefix("hook_")[4:], "opened"):
        assert part not in logged
    assert hook_id.removeprefix("hook_")[4:].encode() not in stored_bytes(backend)
    service.hooks.run("revoke", made["id"])
    if backend.endpoint_url is not None:  # a file of SQLite keeps the bytes of what it has overwritten
        client = client_of(backend.endpoint_url)
        items = client.scan(TableName=backend.variables["DYNAMODB_TABLE_KEYS"])["Items"]
        client.close()
        assert new not in repr(items)


# On AWS


@pytest.mark.timeout(600)
def test_deployed_hook_is_tested_and_its_deliveries_are_found_in_the_log(deployed: Deployed) -> None:
    triggers = deployed.rehearsal
    preset = ("--preset", "github", "--source", "deployed-hooks")
    made = triggers.ask("hooks", "create", "--stage", "prod", *preset, "--yes")
    assert made["url"] == f"{deployed.url}/v1/hooks/{whole_id(made['url'])}"
    commands = triggers.with_variables(TRIGGERS_HOOK_ID=made["url"])
    tested = commands.ask("hooks", "test", "--stage", "prod", "--yes")
    assert (tested["source"], tested["event_type"]) == ("deployed-hooks", "ping")
    assert deliver(made["url"], "another secret") == 401

    def logged() -> list[dict[str, Any]]:
        return triggers.lines("logs", "tail", "--stage", "prod", "--no-follow", "--hook", made["id"])

    assert comes_true(lambda: len(logged()) == 2, 30)
    accepted, refused = logged()
    assert (accepted["status"], accepted["path"]) == (200, "/v1/hooks/{hook_id}")
    assert (refused["status"], refused["fields"]["reason"]) == (401, "signature")
    assert whole_id(made["url"]) not in json.dumps([accepted, refused])

    rotated = triggers.ask("hooks", "rotate", made["id"], "--stage", "prod", "--yes")
    assert comes_true(lambda: deliver(made["url"], rotated["secret"]) == 200, PATIENCE)
    assert deliver(made["url"], made["secret"]) == 200
    assert commands.ask("hooks", "test", "--stage", "prod", "--yes")["id"] == made["id"]
    done = triggers.run("hooks", "revoke", made["id"], "--stage", "prod", "--yes")
    assert done.returncode == 0, said(done)
    done = triggers.run(
        "events", "delete", "--stage", "prod", "--source", "deployed-hooks", "--status", "any", "--yes"
    )
    assert done.returncode == 0, said(done)
