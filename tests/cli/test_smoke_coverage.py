"""`triggers smoke` calls every endpoint of the OpenAPI document."""

import re
import subprocess
from pathlib import Path

from tests.support import dev_server
from tests.support.contract import ENDPOINTS


def test_smoke_calls_every_endpoint(tmp_path: Path) -> None:
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        stage = [
            "--stage",
            "local",
            *dev_server.on_folder(tmp_path),
        ]  # not --key: a new key comes with a hook
        smoke = [dev_server.TRIGGERS, "smoke", "--url", server.url, *stage]
        subprocess.run(smoke, env=dev_server.environment(), capture_output=True, timeout=120, check=True)
        called = set(re.findall(r"method=(\w+) route=(\S+) status=2", server.log.read_text()))
    forgotten = sorted(" ".join(endpoint) for endpoint in set(ENDPOINTS) - called)
    assert not forgotten, f"Add a check for {', '.join(forgotten)} to triggers_api/ops/smoke"
