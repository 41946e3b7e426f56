"""A delivery of each preset, signed by a line of shell and sent by `curl`, as a user tries a new hook."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY, on_folder, running
from tests.support.hook_commands import HookCommands, hooks_of
from tests.support.key_commands import on_local

TEXT = "the-signing-secret-of-the-provider"
BASE64 = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FUNCTIONS = r"""
hex() { openssl dgst -sha256 -hmac "$SECRET" | sed 's/.* //'; }
base64_of() { openssl dgst -sha256 -hmac "$SECRET" -binary | base64; }
standard() {
  key=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \n')
  printf %s "$1.$now.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64
}
post() {
  printf %s "$body" > body
  curl --silent --show-error --noproxy '*' --max-time 20 --write-out '%{http_code} %{size_download}' \
    -H 'Content-Type: application/json' --data-binary "$body" "$@"
}
now=$(date +%s)
"""


@dataclass(frozen=True)
class Sample:
    """A hook and a delivery to it.

    Attributes:
        script: The lines that sign and send. They may use `FUNCTIONS`, `$URL` and `$SECRET`.
        event_type: The type of the event.
        delivery_id: The id of the delivery, None if the provider sends none.
        secret: The signing secret, None if the hook has none.
        preset: The name of the preset.
        options: Further options of `triggers hooks create`.
    """

    script: str
    event_type: str
    delivery_id: str | None
    secret: str | None = TEXT
    preset: str = "generic"
    options: tuple[str, ...] = ()


SAMPLES = {
    "github": Sample(
        r"""
        body='{"action":"opened","issue":{"number":1,"title":"Zoë"}}'
        post "$URL" -H 'X-GitHub-Event: issues' -H 'X-GitHub-Delivery: 72d3162e-cc78-11e3' \
          -H "X-Hub-Signature-256: sha256=$(printf %s "$body" | hex)"
        """,
        "issues.opened",
        "72d3162e-cc78-11e3",
        preset="github",
    ),
    "stripe": Sample(
        r"""
        body='{"id":"evt_1","object":"event","type":"charge.succeeded","data":{"object":{"amount":1000}}}'
        post "$URL" -H "Stripe-Signature: t=$now,v1=$(printf %s "$now.$body" | hex),v0=00"
        """,
        "charge.succeeded",
        "evt_1",
        secret=BASE64,
        preset="stripe",
    ),
    "shopify": Sample(
        r"""
        body='{"id":820982911946154508,"email":"jon@example.com","total_price":"10.00"}'
        post "$URL" -H 'X-Shopify-Topic: orders/create' -H 'X-Shopify-Shop-Domain: a.myshopify.com' \
          -H 'X-Shopify-Webhook-Id: b54557e4-bdd9-4b37' \
          -H "X-Shopify-Hmac-SHA256: $(printf %s "$body" | base64_of)"
        """,
        "orders/create",
        "b54557e4-bdd9-4b37",
        preset="shopify",
    ),
    "slack": Sample(
        r"""
        body='{"type":"event_callback","event_id":"Ev08MFMKH6","event":{"type":"app_mention","text":"hi"}}'
        post "$URL" -H "X-Slack-Request-Timestamp: $now" \
          -H "X-Slack-Signature: v0=$(printf %s "v0:$now:$body" | hex)"
        """,
        "app_mention",
        "Ev08MFMKH6",
        preset="slack",
    ),
    "linear": Sample(
        r"""
        body="{\"action\":\"create\",\"type\":\"Issue\",\"data\":{},\"webhookTimestamp\":${now}000}"
        post "$URL" -H 'Linear-Event: Issue' -H 'Linear-Delivery: 234d1a4e-b617' \
          -H "Linear-Signature: $(printf %s "$body" | hex)"
        """,
        "Issue.create",
        "234d1a4e-b617",
        preset="linear",
    ),
    "gitlab, token": Sample(
        r"""
        body='{"object_kind":"merge_request","object_attributes":{"action":"open","iid":1}}'
        post "$URL" -H 'X-Gitlab-Event: Merge Request Hook' -H 'Idempotency-Key: f5e5f430-f57b' \
          -H "X-Gitlab-Token: $SECRET"
        """,
        "merge_request.open",
        "f5e5f430-f57b",
        preset="gitlab",
    ),
    "gitlab, signing token": Sample(
        r"""
        body='{"object_kind":"push","ref":"refs/heads/main"}'
        post "$URL" -H 'X-Gitlab-Event: Push Hook' -H 'Idempotency-Key: 01' -H 'webhook-id: f5e5f430-f57c' \
          -H "webhook-timestamp: $now" -H "webhook-signature: v1,$(standard f5e5f430-f57c)"
        """,
        "push",
        "f5e5f430-f57c",
        secret=BASE64,
        preset="gitlab",
    ),
    "standard": Sample(
        r"""
        body='{"type":"contact.created","timestamp":"2026-11-28T00:00:00Z","data":{"id":1.50}}'
        post "$URL" -H 'webhook-id: msg_1' -H "webhook-timestamp: $now" \
          -H "webhook-signature: v1,c2lnbmF0dXJl v1,$(standard msg_1)"
        """,
        "contact.created",
        "msg_1",
        secret=BASE64,
        preset="standard",
    ),
    "svix": Sample(
        r"""
        body='{"type":"user.created","data":{}}'
        post "$URL" -H 'svix-id: msg_2' -H "svix-timestamp: $now" \
          -H "svix-signature: v1,$(standard msg_2)"
        """,
        "user.created",
        "msg_2",
        secret=BASE64,
        preset="standard",
    ),
    "paddle": Sample(
        r"""
        body='{"event_id":"evt_01hv8","event_type":"transaction.paid","data":{}}'
        post "$URL" -H "Paddle-Signature: ts=$now;h1=$(printf %s "$now:$body" | hex)"
        """,
        "transaction.paid",
        "evt_01hv8",
        preset="paddle",
    ),
    "generic, hmac": Sample(
        r"""
        body='{"hello": "world"}'
        sign() { openssl dgst -sha512 -hmac "$SECRET" -binary | base64 | tr -d '\n'; }
        signature=$(printf %s "del_1|$now|$body" | sign)
        post "$URL" -H 'X-Id: del_1' -H "X-Time: $now" -H "X-Signature: s=$signature"
        """,
        "my.type",
        "del_1",
        options=(
            *("--scheme", "hmac", "--header", "X-Signature", "--algorithm", "sha512", "--encoding", "base64"),
            *("--prefix", "s=", "--template", "{id}|{timestamp}|{body}", "--timestamp-header", "X-Time"),
            *("--id-header", "X-Id", "--event-type", "my.type"),
        ),
    ),
    "generic, secret in a header": Sample(
        """body='{"a":1}'; post "$URL" -H "X-Token: $SECRET" -H 'X-Id: 7'""",
        "webhook",
        "7",
        options=("--scheme", "secret", "--header", "X-Token", "--id-header", "X-Id"),
    ),
    "generic, bearer token": Sample(
        """body='{"a":1}'; post "$URL" -H "Authorization: Bearer $SECRET" """,
        "webhook",
        None,
        options=("--scheme", "secret", "--bearer"),
    ),
    "generic, secret in the query": Sample(
        """body='{"a":1}'; post "$URL?token=$SECRET&utm_source=x" """,
        "webhook",
        None,
        options=("--scheme", "secret", "--query", "token"),
    ),
    "generic, none": Sample(
        """body='{"a":1}'; post "$URL" """, "webhook", None, secret=None, options=("--scheme", "none")
    ),
}


@dataclass(frozen=True)
class Service:
    """A running `triggers dev`, and the commands for its hooks."""

    url: str
    hooks: HookCommands

    def create(self, sample: Sample, source: str) -> str:
        """Create the hook of a sample; return its URL."""
        given = () if sample.secret is None else ("--secret", "-")
        options = ("--preset", sample.preset, "--source", source, *sample.options, *given)
        line = ("create", *options, "--public-url", self.url, "--json")
        done = self.hooks.run(*line, given=sample.secret or "")
        assert done.returncode == 0, done.stderr
        url: str = json.loads(done.stdout)["url"]
        return url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("data")
    with running(*on_folder(folder)) as server:
        yield Service(server.url, hooks_of(on_local(folder)))


def answer_to(script: str, url: str, secret: str, folder: Path) -> str:
    """Run a script; return the status and the size of the answer."""
    variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "URL": url, "SECRET": secret}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", FUNCTIONS + script],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", SAMPLES)
def test_delivery_by_curl_is_stored_once_under_the_names_of_its_provider(
    service: Service, name: str, tmp_path: Path
) -> None:
    sample = SAMPLES[name]
    url = service.create(sample, source=name)
    if sample.secret is not None:
        wrong = sample.secret.swapcase() if sample.secret == TEXT else f"whsec_{'c2VjcmV0' * 4}"
        assert "401" in answer_to(sample.script, url, wrong, tmp_path)
    assert answer_to(sample.script, url, sample.secret or "", tmp_path) == "200 0"
    body = (tmp_path / "body").read_bytes()
    assert answer_to(sample.script, url, sample.secret or "", tmp_path) == "200 0"

    with ApiClient(service.url) as client:
        ((event,),) = client.pages(source=name)
        assert event["event_type"] == sample.event_type
        webhook = event["metadata"]["webhook"]
        assert (webhook["content_type"], webhook.get("delivery_id")) == (
            "application/json",
            sample.delivery_id,
        )
        assert url.rpartition("/")[2].startswith(webhook["hook"])
        assert sample.secret is None or sample.secret not in json.dumps(event)
    path = f"{service.url}/v1/events/{event['event_id']}/body"
    assert httpx.get(path, headers={"X-API-Key": KEY}, trust_env=False).content == body
