"""Webhooks as GitHub sends them: its library signs every sample that it publishes, and receives them again.

The packages are installed when the test runs, and nothing of them is committed.
"""

import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Backend
from tests.e2e.test_keys_end_to_end import commands_of
from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY
from tests.support.forms import by_form
from tests.support.hook_commands import hooks_of
from tests.support.rehearsal import Rehearsal
from tests.support.tool_env import node_modules

PACKAGES = ("@octokit/webhooks@14.2.0", "@octokit/webhooks-examples@7.6.1")
PROGRAM = Path(__file__).with_name("clients") / "github_webhooks.mjs"
NUMBER = 329
# The first run of a machine installs the packages.
pytestmark = pytest.mark.timeout(900)

Delivery = dict[str, str]
"""`id`, `name` of the event, `payload` (the exact body) and `signature`."""


class GitHub:
    """GitHub's library in node."""

    def __init__(self, folder: Path) -> None:
        (folder / "node_modules").symlink_to(node_modules(*PACKAGES))
        self._program = folder / PROGRAM.name
        self._program.write_bytes(PROGRAM.read_bytes())

    def sign(self, secret: str) -> list[Delivery]:
        """Return every sample as a delivery with an id of its own."""
        deliveries: list[Delivery] = self._run("sign", secret)
        assert len({one["id"] for one in deliveries}) == NUMBER
        return deliveries

    def receive(self, deliveries: Sequence[Delivery], secret: str) -> list[dict[str, Any]]:
        """Return what the handlers of a receiver got of deliveries. It fails if one is not authentic."""
        handled: list[dict[str, Any]] = self._run("receive", secret, json.dumps(deliveries))
        return handled

    def _run(self, command: str, secret: str, given: str = "") -> Any:
        line = ["node", str(self._program), command, secret]
        done = subprocess.run(line, input=given.encode(), capture_output=True, timeout=120, check=True)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> GitHub:
    return GitHub(tmp_path_factory.mktemp("github"))


def send(http: httpx.Client, url: str, delivery: Delivery) -> tuple[int, bytes]:
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": delivery["id"],
        "X-GitHub-Event": delivery["name"],
        "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Hook-Installation-Target-ID": "79929171",
        "X-GitHub-Hook-Installation-Target-Type": "repository",
        "X-Hub-Signature-256": delivery["signature"],
    }
    answer = http.post(url, content=delivery["payload"].encode(), headers=headers)
    return answer.status_code, answer.content


def read_body(http: httpx.Client, api_url: str, key: str, event: dict[str, Any]) -> bytes:
    answer = http.get(f"{api_url}/v1/events/{event['event_id']}/body", headers={"X-API-Key": key})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return answer.content


def type_of(delivery: Delivery) -> str:
    action = json.loads(delivery["payload"]).get("action")
    return f"{delivery['name']}.{action}" if action else delivery["name"]


def stored_delivery(event: dict[str, Any], body: bytes) -> Delivery:
    """Return a delivery as a consumer puts it together from an event."""
    kept = event["metadata"]["webhook"]["headers"]
    named = {"id": kept["x-github-delivery"], "name": kept["x-github-event"]}
    return {**named, "payload": body.decode(), "signature": kept["x-hub-signature-256"]}


def check(github: GitHub, hook: dict[str, Any], key: str, sent: Sequence[Delivery]) -> None:
    """Send deliveries twice; check what is stored, and let GitHub's library verify it."""
    api_url = hook["url"].partition("/v1/")[0]
    http = httpx.Client(timeout=60, trust_env=False)
    with http, ApiClient(api_url, key=key) as client, ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            assert set(pool.map(lambda one: send(http, hook["url"], one), sent)) == {(200, b"")}
            events = client.inbox()
            assert len(events) == len(sent), "a repeated delivery is stored once"
        bodies = list(pool.map(lambda one: read_body(http, api_url, key, one), events))

    stored = [stored_delivery(event, body) for event, body in zip(events, bodies, strict=True)]
    by_id = {one["id"]: one for one in sent}
    assert stored == [by_id[event["metadata"]["webhook"]["delivery_id"]] for event in events]
    for event, delivery in zip(events, stored, strict=True):
        assert (event["source"], event["event_type"]) == ("shop", type_of(delivery))
    handled = github.receive(stored, hook["secret"])
    assert [one["payload"] for one in handled] == [event["payload"] for event in events]
    assert [(one["id"], one["name"]) for one in handled] == [(one["id"], one["name"]) for one in stored]


def test_every_sample_of_github_is_stored_as_its_library_signed_it(backend: Backend, github: GitHub) -> None:
    with backend.running() as server:
        hook = hooks_of(commands_of(backend)).create("--public-url", server.url)
        check(github, hook, KEY, github.sign(hook["secret"]))


def test_samples_of_github_pass_the_gateway_byte_for_byte(rehearsal: Rehearsal, github: GitHub) -> None:
    number = by_form(quick=40, full=40, long=NUMBER)
    rehearsal.deploy("prod")
    options = ("--preset", "github", "--source", "shop", "--yes")
    hook = rehearsal.ask("hooks", "create", "--stage", "prod", *options)
    assert hook["url"].startswith(rehearsal.url("prod"))
    check(github, hook, rehearsal.key("prod"), github.sign(hook["secret"])[:: NUMBER // number])


def test_library_of_github_refuses_what_was_changed(github: GitHub) -> None:
    delivery = github.sign("secret")[0]
    github.receive([delivery], "secret")
    for one, secret in (
        ({**delivery, "payload": delivery["payload"] + " "}, "secret"),
        (delivery, "another"),
    ):
        with pytest.raises(subprocess.CalledProcessError):
            github.receive([one], secret)
