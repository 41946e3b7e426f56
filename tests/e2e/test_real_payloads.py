"""What producers really send: every sample payload that GitHub publishes of its webhooks.

The package is fetched when the test runs, and nothing of it is committed.
"""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import Backend
from tests.support.api_client import ApiClient
from tests.support.dynamodb_local import npm_package

PACKAGE = "@octokit/webhooks-examples@7.6.1"


@pytest.fixture(scope="module")
def samples() -> list[tuple[str, dict[str, Any]]]:
    """Return the name of each sample's event, and the sample."""
    if shutil.which("npm") is None:
        reason = f"{PACKAGE} needs npm on PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    definitions = json.loads((npm_package(PACKAGE) / "api.github.com" / "index.json").read_bytes())
    return [(one["name"], example) for one in definitions for example in one["examples"]]


def test_every_sample_payload_is_returned_unchanged(
    backend: Backend, samples: list[tuple[str, dict[str, Any]]]
) -> None:
    assert len(samples) == 329
    with backend.running() as server, ApiClient(server.url) as client:
        sent = []
        for name, sample in samples:
            answer = client.ingest(sample, source="github", event_type=name)
            assert answer.status == 201, (name, answer)
            sent.append((answer.body["event_id"], name, sample))

        pages = list(client.pages(limit=100))
        assert [len(page) for page in pages] == [100, 100, 100, 29]
        listed = [event for page in pages for event in page]
        for event, (event_id, name, sample) in zip(listed, sent, strict=True):
            assert (event["event_id"], event["event_type"]) == (event_id, name)
            assert event["payload"] == sample, name

        with ThreadPoolExecutor(4) as pool:
            acks = list(pool.map(client.acknowledge, [event_id for event_id, _, _ in sent]))
        assert {ack.status for ack in acks} == {200}
        assert client.inbox() == []
