"""`triggers listen` as an operator runs it, with a real web server that handles events well or badly."""

import json
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.conftest import REGION
from tests.support import dev_server, private_ca
from tests.support.dev_server import KEY, TRIGGERS, environment, running
from tests.support.documents import fences
from tests.support.handlers import HandlerServer, handler_server
from tests.support.stages import OPERATOR, Stage
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.paging import EventQuery, Filter

GUIDE = "Forward events to a handler"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WITH_SECRET = {"TRIGGERS_WEBHOOK_SECRET": SECRET}
ONE_DELIVERY = {"MAX_DELIVERIES": "1"}
"""A failed event is dead at once, and the run does not wait for it."""


@pytest.fixture(scope="module")
def handler() -> Iterator[HandlerServer]:
    with handler_server() as server:
        yield server


def listen(
    stage: Stage, *arguments: str, code: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    done = dev_server.run(
        "listen",
        *stage.options,
        *arguments,
        variables={**stage.variables, **WITH_SECRET, **variables},
        seconds=120,
    )
    assert done.returncode == code, done.stderr
    assert SECRET.removeprefix("whsec_") not in done.stdout + done.stderr
    return done


@contextmanager
def listening(stage: Stage, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a run, and kill it at the end if it is still there."""
    process = subprocess.Popen(
        [TRIGGERS, "listen", *stage.options, *arguments],
        env=environment(**stage.variables, **WITH_SECRET),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ids(events: list[Event]) -> set[str]:
    return {event.event_id for event in events}


def stored(stage: Stage, status: str) -> set[str]:
    query = EventQuery(Filter(status=status), 10_000, time.time_ns() // 1_000_000)
    return ids(list(stage.store.page(query).events))


def leased(stage: Stage) -> int:
    now_ms = time.time_ns() // 1_000_000
    return stage.store.pending_stats(EventQuery(Filter(), 1000, now_ms)).leased


def wait_for_line(process: subprocess.Popen[str], start: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(start):
            return line
    pytest.fail(f"no line that starts with {start}")


# Forwarding


def test_events_are_forwarded_signed_and_acknowledged(stage: Stage, handler: HandlerServer) -> None:
    events = [stage.add(payload=f'{{"n":{number}.10,"name":"Zoë"}}')[0] for number in range(3)]
    listen(stage, "--forward-to", f"{handler.url}/ok", "--ack", "--once", "--header", "x-team: a")
    requests = sorted(handler.requests(ids(events)), key=lambda one: one.event_id)
    assert [one.body.decode() for one in requests] == [event.payload for event in events]
    assert stored(stage, ACKNOWLEDGED) == ids(events)
    for event, request in zip(events, requests, strict=True):
        assert Webhook(SECRET).verify(request.body, request.headers) == json.loads(event.payload)
        assert request.event_id == event.event_id
        assert request.headers["content-type"] == "application/json"
        assert request.headers["triggers-source"] == event.source
        assert request.headers["triggers-event-type"] == event.event_type
        assert request.headers["triggers-created-at"] == event.created_at
        assert request.headers["x-team"] == "a"


KEPT = {
    "x-hub-signature-256": "sha256=1f",
    "webhook-signature": "v1,provider",
    "transfer-encoding": "chunked",
    "content-length": "1",
    "x-odd\r\nx-more": "1",
}


def test_webhooks_are_forwarded_as_they_were_sent(stage: Stage, handler: HandlerServer) -> None:
    form, json_type = "application/x-www-form-urlencoded", "application/json"
    events = [
        stage.add_webhook(b'{ "n": 1.50 }\n', details={"headers": KEPT}),
        stage.add_webhook(b"\xff\x00=1&b", details={"headers": KEPT, "content_type": form}),
        *stage.add(payload='{"n":2.0}'),
    ]
    done = listen(stage, "--forward-to", f"{handler.url}/ok", "--ack", "--once", "--json")
    assert "x-hub" not in done.stdout
    requests = {one.event_id: one for one in handler.requests(ids(events))}
    sent = [requests[event.event_id] for event in events]
    assert [one.body for one in sent] == [b'{ "n": 1.50 }\n', b"\xff\x00=1&b", b'{"n":2.0}']
    assert [one.headers["content-type"] for one in sent] == [json_type, form, json_type]
    assert [one.headers.get("x-hub-signature-256") for one in sent] == ["sha256=1f", "sha256=1f", None]
    assert not any("x-odd" in one.headers or "x-more" in one.headers for one in sent)
    assert Webhook(SECRET).verify(sent[0].body, sent[0].headers) == {"n": 1.5}
    assert stored(stage, ACKNOWLEDGED) == ids(events)


def test_peek_changes_nothing(stage: Stage, handler: HandlerServer) -> None:
    events = stage.add(3)
    done = listen(stage, "--forward-to", f"{handler.url}/ok", "--no-ack", "--once")
    assert len(handler.requests(ids(events))) == 3
    after = [stage.store.get(event.event_id, int(time.time())) for event in events]
    assert after == events
    assert "Nothing is acknowledged" in done.stderr


def test_ack_is_the_default_of_the_local_stage_only(
    local_stage: Stage, sharded_stage: Stage, handler: HandlerServer
) -> None:
    for stage, status in ((local_stage, ACKNOWLEDGED), (sharded_stage, PENDING)):
        events = stage.add(1)
        listen(stage, "--forward-to", f"{handler.url}/ok", "--once")
        assert stored(stage, status) == ids(events)


def test_filters_choose_what_is_forwarded(local_stage: Stage, handler: HandlerServer) -> None:
    wanted = local_stage.add(2, source="a", event_type="x") + local_stage.add(2, source="a", event_type="y")
    others = local_stage.add(1, source="a") + local_stage.add(1, source="b", event_type="x")
    filters = ("--source", "a", "--type", "x", "--event-type", "y", "--forward-to", f"{handler.url}/ok")
    listen(local_stage, *filters, "--no-ack", "--since", "1h", "--once")
    assert {one.event_id for one in handler.requests(ids(wanted + others))} == ids(wanted)
    listen(local_stage, *filters, "--once")
    assert stored(local_stage, ACKNOWLEDGED) == ids(wanted)
    assert stored(local_stage, PENDING) == ids(others)


def test_lines_show_time_status_milliseconds_id_and_type(local_stage: Stage, handler: HandlerServer) -> None:
    (event,) = local_stage.add()
    done = listen(local_stage, "--forward-to", f"{handler.url}/flaky?token=s3cret", "--once")
    first, second = (line.split(maxsplit=6) for line in done.stdout.splitlines())
    assert first[0].endswith("Z")
    assert (first[1], first[3], first[4]) == ("500", "ms", event.event_id)
    assert first[5:] == ["order.paid", "(retry in 1 s)"]
    assert (second[1], second[4:]) == ("200", [event.event_id, "order.paid"])
    assert done.stderr.splitlines()[-1] == "Forwarded 1 event."
    assert "s3cret" not in done.stdout + done.stderr


def test_json_has_one_object_a_line(local_stage: Stage, handler: HandlerServer) -> None:
    (event,) = local_stage.add(event_type="zahlung ü")
    done = listen(local_stage, "--forward-to", f"{handler.url}/flaky", "--no-ack", "--once", "--json")
    ready, failed, retrying, delivered = map(json.loads, done.stdout.splitlines())
    assert ready["kind"] == "ready"
    assert ready["forward_to"] == f"{handler.url}/flaky"
    assert ready["acknowledges"] is False
    assert (failed["kind"], failed["status"], failed["outcome"]) == ("event", 500, "retrying")
    assert (failed["event_id"], failed["event_type"]) == (event.event_id, "zahlung ü")
    assert (retrying["kind"], retrying["event_id"], retrying["seconds"]) == ("retrying", event.event_id, 1)
    assert (delivered["status"], delivered["attempt"], delivered["outcome"]) == (200, 2, "delivered")


def test_handler_of_the_guide_verifies_signatures(local_stage: Stage) -> None:
    (code,) = [text for language, text in fences("deploy/guide/consuming.md", GUIDE) if language == "python"]
    handled = list[tuple[str, object]]()
    program: dict[str, Any] = {"SECRET": SECRET, "handle": lambda *event: handled.append(event)}
    exec(code, program)

    quiet = type("Quiet", (program["Handler"],), {"log_message": lambda *_: None})
    server = program["ThreadingHTTPServer"](("127.0.0.1", 0), quiet)
    url = f"http://127.0.0.1:{server.server_port}/webhook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        local_stage.add(payload='{"n":1.0}')
        other = {"TRIGGERS_WEBHOOK_SECRET": "whsec_" + "A" * 32, **ONE_DELIVERY}
        refused = listen(local_stage, "--forward-to", url, "--once", code=6, **other)
        assert refused.stdout.split()[1] == "401"
        local_stage.add(payload='{"n":1.5}')
        listen(local_stage, "--forward-to", url, "--once")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert handled == [("order.paid", {"n": 1.5})]


# Handlers that fail


@pytest.mark.parametrize(
    ("path", "status", "note"),
    [
        ("fail", "500", "dead after 1 delivery"),
        ("redirect", "307", "redirects are not followed; dead"),
        ("hang", "-", "no response within 1 s"),
        ("close", "-", "the connection broke"),
        ("garbage", "-", "the connection broke"),
    ],
)
def test_event_that_the_handler_does_not_accept_is_exit_code_6(
    local_stage: Stage, handler: HandlerServer, path: str, status: str, note: str
) -> None:
    events = local_stage.add()
    url = f"{handler.url}/{path}"
    done = listen(local_stage, "--forward-to", url, "--once", "--timeout", "1s", code=6, **ONE_DELIVERY)
    assert done.stdout.split()[1] == status
    assert note in done.stdout
    assert done.stderr.endswith("Forwarded 0 events. 1 event failed.\n")
    assert stored(local_stage, DEAD) == ids(events)
    assert len(handler.requests(ids(events))) == 1


def test_response_without_end_is_cut(local_stage: Stage, handler: HandlerServer) -> None:
    events = local_stage.add()
    listen(local_stage, "--forward-to", f"{handler.url}/unlimited", "--once")
    assert stored(local_stage, ACKNOWLEDGED) == ids(events)


def test_slow_handler_is_waited_for(local_stage: Stage, handler: HandlerServer) -> None:
    events = local_stage.add(6)
    started = time.monotonic()
    listen(local_stage, "--forward-to", f"{handler.url}/slow/1", "--once", "--concurrency", "6")
    assert time.monotonic() - started < 5, "they are forwarded at the same time"
    assert stored(local_stage, ACKNOWLEDGED) == ids(events)


def test_absent_handler_ends_a_run_with_once(local_stage: Stage) -> None:
    local_stage.add()
    done = listen(local_stage, "--forward-to", "http://127.0.0.1:9/hook", "--once", code=6)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "Forwarded 0 events. http://127.0.0.1:9/hook refuses connections."
    assert local_stage.inbox.page(OPERATOR, Filter(), limit=1).events[0].deliveries == 0


def test_handler_is_waited_for_and_nothing_is_received_until_then(local_stage: Stage) -> None:
    (event,) = local_stage.add()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with listening(local_stage, "--forward-to", f"http://127.0.0.1:{port}/ok") as process:
        assert (
            wait_for_line(process, "waiting") == f"waiting: http://127.0.0.1:{port}/ok refuses connections\n"
        )
        time.sleep(1.5)
        assert local_stage.store.get(event.event_id, int(time.time())) == event
        with handler_server(port) as server:
            server.wait_for({event.event_id}, 1)
            wait_for_line(process, "ready")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "waiting" not in errors
    assert stored(local_stage, ACKNOWLEDGED) == {event.event_id}


def test_handler_behind_a_private_authority_needs_its_certificate(local_stage: Stage, tmp_path: Path) -> None:
    authority, certificate = private_ca.make(tmp_path)
    events = local_stage.add()
    with handler_server(certificate=certificate) as server:
        url = server.url.replace("http:", "https:") + "/ok"
        done = listen(local_stage, "--forward-to", url, "--once", code=6)
        assert f"waiting: {url} fails at TLS: unable to get local issuer certificate" in done.stderr
        listen(local_stage, "--forward-to", url, "--once", AWS_CA_BUNDLE=str(authority))
    assert stored(local_stage, ACKNOWLEDGED) == ids(events)


# The end


def test_second_ctrl_c_ends_at_once(local_stage: Stage, handler: HandlerServer) -> None:
    events = local_stage.add()
    with listening(local_stage, "--forward-to", f"{handler.url}/hang") as process:
        handler.wait_for(ids(events), 1)
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "Interrupted")
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - started < 2
    assert process.returncode == 130
    assert errors.startswith("Exited immediately. Events that were received are available again")
    assert "Traceback" not in errors
    assert leased(local_stage) == 1


@pytest.mark.slow("waits for a store that does not answer")
def test_second_ctrl_c_does_not_wait_for_a_store_that_hangs(sharded_stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        stage = Stage(sharded_stage.store, sharded_stage.options, {"DYNAMODB_ENDPOINT_URL": url})
        with listening(stage, "--forward-to", "http://127.0.0.1:9/", "--ack") as process:
            silent.accept()[0].close()
            process.send_signal(signal.SIGINT)
            wait_for_line(process, "Interrupted")
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            process.communicate(timeout=30)
    assert time.monotonic() - started < 2
    assert process.returncode == 130


@pytest.mark.slow("Ctrl-C waits five seconds for the handler")
def test_ctrl_c_gives_events_back(stage: Stage, handler: HandlerServer) -> None:
    events = stage.add(3)
    with listening(stage, "--forward-to", f"{handler.url}/hang", "--ack", "--concurrency", "2") as process:
        handler.wait_for(ids(events), 2)
        assert leased(stage) == 2
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, "")
    assert "Traceback" not in errors
    assert (leased(stage), stored(stage, PENDING)) == (0, ids(events))


def test_closed_pipe_ends_the_run_and_gives_events_back(local_stage: Stage, handler: HandlerServer) -> None:
    local_stage.add(5)
    with listening(local_stage, "--forward-to", f"{handler.url}/slow/0.2", "--concurrency", "2") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=30)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1
    assert leased(local_stage) == 0


# The API


def test_events_of_an_api_are_forwarded(local_stage: Stage, handler: HandlerServer) -> None:
    sent = {local_stage.add(payload=f'{{"n":{number}.10}}')[0].event_id for number in range(3)}
    with running("--data-dir", local_stage.options[-1]) as server:
        api = Stage(None, ("--url", server.url), {"TRIGGERS_API_KEY": KEY})  # type: ignore[arg-type] # not used
        listen(api, "--forward-to", f"{handler.url}/ok", "--once")
        assert len(handler.requests(sent)) == 3
        done = listen(api, "--forward-to", f"{handler.url}/flaky", "--once", "--ack", "--source", "shop")
        assert len(handler.requests(sent)) == 9
        assert {one.body for one in handler.requests(sent)} == {b'{"n":0.10}', b'{"n":1.10}', b'{"n":2.10}'}
        assert done.stderr.endswith("Forwarded 3 events.\n")
        again = listen(api, "--forward-to", f"{handler.url}/ok", "--once")
        assert again.stderr.endswith("Forwarded 0 events.\n")
        wrong = listen(api, "--forward-to", handler.url, code=4, TRIGGERS_API_KEY="x" * 20)
        assert "The API refuses the key." in wrong.stderr
        assert "x" * 20 not in wrong.stderr


def test_webhooks_of_an_api_are_forwarded_as_they_were_sent(
    local_stage: Stage, handler: HandlerServer
) -> None:
    bodies = [b'{ "n": 1.50 }\n', b"\xff\x00=1&b", b""]
    events = [local_stage.add_webhook(body, details={"headers": KEPT}) for body in bodies]
    plain = local_stage.add(payload='{"n":2.0}')
    with running("--data-dir", local_stage.options[-1]) as server:
        api = Stage(None, ("--url", server.url), {"TRIGGERS_API_KEY": KEY})  # type: ignore[arg-type] # not used
        for ack in ("--no-ack", "--ack"):
            listen(api, "--forward-to", f"{handler.url}/ok?{ack}", "--once", ack)
    for ack in ("--no-ack", "--ack"):
        found = handler.requests(ids(events + plain))
        requests = {one.event_id: one for one in found if one.path.endswith(f"?{ack}")}
        sent = [requests[event.event_id] for event in events]
        assert [one.body for one in sent] == bodies
        assert {one.headers["x-hub-signature-256"] for one in sent} == {"sha256=1f"}
        assert {one.headers["triggers-metadata"] for one in sent} == {'{"priority": "normal"}'}
        assert requests[plain[0].event_id].body == b'{"n":2.0}'


@pytest.mark.slow("starts two servers")
def test_api_that_is_gone_is_asked_again(local_stage: Stage, handler: HandlerServer, tmp_path: Path) -> None:
    events = local_stage.add()
    folder = local_stage.options[-1]
    with running("--data-dir", folder) as server:
        port = server.url.rpartition(":")[2]
        api = Stage(None, ("--url", server.url), {"TRIGGERS_API_KEY": KEY})  # type: ignore[arg-type] # not used
        with listening(api, "--forward-to", f"{handler.url}/ok") as process:
            handler.wait_for(ids(events), 1)
            server.kill()
            wait_for_line(process, "reconnecting in 1 s: The API cannot be reached.")
            more = local_stage.add()
            with dev_server.started("--port", port, "--data-dir", folder):
                wait_for_line(process, "reconnected")
                handler.wait_for(ids(more), 1)


# The secret


def test_secret_is_kept_in_a_file_of_the_user(
    local_stage: Stage, handler: HandlerServer, tmp_path: Path
) -> None:
    variables = {"TRIGGERS_WEBHOOK_SECRET": "", "XDG_DATA_HOME": str(tmp_path / "home")}
    secret = dev_server.run("listen", "--print-secret", variables=variables)
    assert (secret.returncode, secret.stderr) == (0, "")
    as_json = dev_server.run("listen", "--print-secret", "--json", variables=variables)
    assert json.loads(as_json.stdout) == {"secret": secret.stdout.strip()}
    (file,) = (one for one in (tmp_path / "home").rglob("*") if one.is_file())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    events = local_stage.add()
    home = variables["XDG_DATA_HOME"]
    listen(
        local_stage,
        "--forward-to",
        f"{handler.url}/ok",
        "--once",
        XDG_DATA_HOME=home,
        TRIGGERS_WEBHOOK_SECRET="",
    )
    (request,) = handler.requests(ids(events))
    Webhook(secret.stdout.strip()).verify(request.body, request.headers)


def test_secret_of_the_variable_is_used() -> None:
    done = dev_server.run("listen", "--print-secret", variables=WITH_SECRET)
    assert done.stdout == f"{SECRET}\n"
    wrong = dev_server.run("listen", "--print-secret", variables={"TRIGGERS_WEBHOOK_SECRET": "whsec_s3cret"})
    assert wrong.returncode == 2
    assert "s3cret" not in wrong.stderr


# Wrong input


HOOK = ("--forward-to", "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--forward-to is missing."),
        (("--forward-to", "3000"), "--forward-to is not a URL of HTTP."),
        (("--forward-to", "http://u:p@h/"), "--forward-to must not hold credentials."),
        ((*HOOK, "--header", "x"), "--header is not of the form 'Name: value'."),
        ((*HOOK, "--header", "webhook-id: x"), "--header: webhook-id is set by this command."),
        ((*HOOK, "--timeout", "0s"), "--timeout: 0s is out of range."),
        ((*HOOK, "--timeout", "soon"), "'soon' is not a duration."),
        ((*HOOK, "--concurrency", "0"), "--concurrency"),
        ((*HOOK, "--concurrency", "101"), "--concurrency"),
        ((*HOOK, "--since", "1h"), "--since does not work with --ack."),
        ((*HOOK, "--no-ack", "--since", "soon"), "--since: 'soon'"),
        ((*HOOK, "--url", "http://127.0.0.1:9"), "--url and --stage exclude each other."),
        ((*HOOK, "stray"), "stray"),
    ],
    ids=str,
)
def test_wrong_input_is_a_usage_error(local_stage: Stage, arguments: tuple[str, ...], message: str) -> None:
    done = listen(local_stage, *arguments, code=2)
    assert done.stdout == ""
    assert message in done.stderr
    assert "\n  fix: " in done.stderr


def test_url_needs_a_key() -> None:
    done = dev_server.run("listen", *HOOK, "--url", "http://127.0.0.1:9", variables={"TRIGGERS_API_KEY": ""})
    assert done.returncode == 2
    assert "--url needs an API key." in done.stderr


def test_acknowledging_in_production_needs_confirmation(dynamodb_url: str) -> None:
    options = ("--region", REGION, "--ack", "--no-input")
    variables = {"DYNAMODB_ENDPOINT_URL": dynamodb_url}
    done = dev_server.run("listen", *HOOK, *options, variables=variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr


def test_missing_data_is_an_error(tmp_path: Path) -> None:
    done = dev_server.run("listen", *HOOK, "--stage", "local", "--data-dir", str(tmp_path / "typo"))
    assert done.returncode == 1
    assert "There is no data in" in done.stderr


# Many events, and a machine that sleeps


@pytest.mark.slow("forwards a thousand events")
def test_thousand_events_are_acknowledged_exactly_if_the_handler_accepted_them(
    stage: Stage, handler: HandlerServer
) -> None:
    events = [event for _ in range(10) for event in stage.add(100)]
    done = listen(stage, "--forward-to", f"{handler.url}/often", "--ack", "--once", "--concurrency", "10")
    requests = handler.requests(ids(events))
    accepted = [one.event_id for one in requests if one.status == 200]
    failed = [one.event_id for one in requests if one.status == 500]
    assert len(failed) == pytest.approx(50, abs=5)
    assert {one.event_id for one in requests} == ids(events)
    assert set(accepted) == ids(events) == stored(stage, ACKNOWLEDGED)
    assert len(accepted) == len(events), "none was forwarded again after it was accepted"
    assert stored(stage, PENDING) == set()
    assert done.stderr.endswith("Forwarded 1,000 events.\n")


@pytest.mark.slow("sleeps longer than a lease of 31 seconds")
def test_machine_that_sleeps_longer_than_the_lease_loses_nothing(
    local_stage: Stage, handler: HandlerServer
) -> None:
    events = local_stage.add(12)
    arguments = ("--forward-to", f"{handler.url}/slow/0.5", "--timeout", "1s", "--concurrency", "3")
    with listening(local_stage, *arguments) as process:
        handler.wait_for(ids(events), 4)
        process.send_signal(signal.SIGSTOP)
        time.sleep(33)
        taken = {held.event_id for held in local_stage.receive("shop", 2)}
        assert taken < ids(events)
        process.send_signal(signal.SIGCONT)
        end = time.monotonic() + 30
        while stored(local_stage, ACKNOWLEDGED) != ids(events) - taken:
            assert time.monotonic() < end, stored(local_stage, PENDING)
            time.sleep(0.2)
        assert stored(local_stage, PENDING) == taken
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    done = {one.event_id for one in handler.requests(ids(events))}
    assert ids(events) - taken <= done
