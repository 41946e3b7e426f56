"""`triggers listen` of an installed wheel on a deployed stage: through its tables, and through its API."""

from tests.e2e.conftest import Deployed
from tests.support.api_client import ApiClient
from tests.support.handlers import handler_server


def test_events_of_a_deployed_stage_reach_a_handler(deployed: Deployed) -> None:
    source = "listen"
    rehearsal = deployed.rehearsal.with_variables(
        TRIGGERS_WEBHOOK_SECRET="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", TRIGGERS_API_KEY=deployed.key
    )
    with ApiClient(deployed.url, key=deployed.key) as client, handler_server() as handler:
        first, second = (client.ingest({"n": n}, source=source).body["event_id"] for n in range(2))

        def listen(*arguments: str) -> list[str]:
            """Run the command, and return the events that it forwarded."""
            before = len(handler.handled)
            done = rehearsal.run("listen", "--source", source, "--once", "--forward-to", *arguments)
            assert done.returncode == 0, done.stderr
            return sorted(one.event_id for one in handler.handled[before:] if one.status != 500)

        both = sorted([first, second])
        assert listen(f"{handler.url}/ok", "--stage", "prod") == both
        assert listen(f"{handler.url}/ok", "--url", deployed.url) == both
        assert [client.get(one).body["deliveries"] for one in both] == [0, 0]
        assert listen(f"{handler.url}/flaky", "--stage", "prod", "--ack", "--yes") == both
        assert [client.get(one).body["status"] for one in both] == ["acknowledged"] * 2
        third = client.ingest({"n": 3}, source=source).body["event_id"]
        assert listen(f"{handler.url}/flaky", "--url", deployed.url, "--ack") == [third]
        assert client.get(third).body["status"] == "acknowledged"
