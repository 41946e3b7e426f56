"""Requests that schemathesis draws from the OpenAPI document: no 5xx, and each answer as documented.

Schemathesis has four phases: the document's examples, the boundaries of each schema, random requests, and
chains of requests (the id of an event in one answer goes into the next request). All of its checks are on but
one: `positive_data_acceptance` requires that a request which fits the schema is accepted, while the contract
answers 400 to a foreign cursor and 422 to an idempotency key that was used for another request. For batches
`negative_data_rejection` is off too: the error of a malformed entry is its result, in a 200. A `GET` of
`/v1/events/batch` asks for the event with the id `batch`: a 422 and no 405. Requests have no unknown query
parameters (`allow-extra-parameters`): all calls but `GET /v1/health` reject these.
"""

from collections import Counter
from collections.abc import Iterator
from random import SystemRandom

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.api.documented import check
from tests.api.driver import Api
from tests.support.contract import DOCUMENT
from tests.support.forms import current_form
from tests.support.promises import Reported, Tried

PHASES = {"examples", "coverage", "fuzzing", "stateful"}
EVERY_CALL = {f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item}
BATCHES = [path for path, item in DOCUMENT["paths"].items() if "Results" in str(item.get("post"))]
OFF = {"enabled": False}
FULL, LONG = {"fuzzing": 150, "stateful": 40}, {"fuzzing": 1200, "stateful": 500}
LEAST, LONG_LEAST = 1200, 4000
"""The least number of requests. Without it, a schema that allows few requests would go unnoticed."""

SEED = 20_241_127
"""The seed of the full form, the same each time. The long form draws a new one."""


def configuration(key: str, sizes: dict[str, int], seed: int) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"X-API-Key": key},
            "continue-on-failure": True,
            "checks": {"positive_data_acceptance": OFF},
            "operations": [
                {
                    "include-path": path,
                    "checks": {
                        "positive_data_acceptance": OFF,
                        "negative_data_rejection": OFF,
                        "unsupported_method": {"enabled": path != "/v1/events/batch"},
                    },
                }
                for path in BATCHES
            ],
            "generation": {"allow-extra-parameters": False, "database": "none"},
            "phases": {name: {"generation": {"max-examples": size}} for name, size in sizes.items()},
        }
    )


def failures(recorder: ScenarioRecorder) -> Iterator[str]:
    """Yield each failed check of a scenario, with the request that reproduces it."""
    for made in recorder.checks.values():
        for one in made:
            if one.failure_info is not None:
                failure = one.failure_info.failure
                yield f"{one.name}: {failure.message}\n{one.failure_info.code_sample}"


@pytest.mark.slow("thousands of requests: schemathesis takes most of a minute of CPU time")
@pytest.mark.timeout(1800)
@pytest.mark.promise(9)
def test_every_request_that_the_document_allows_is_answered_as_documented(
    local_api: Api, tried: Tried, reported: Reported
) -> None:
    is_long = current_form() == "long"
    seed = SystemRandom().randrange(2**32) if is_long else SEED
    reported(f"OpenAPI document: schemathesis's seed {seed}")
    config = configuration(local_api.key, LONG if is_long else FULL, seed)
    schema = schemathesis.openapi.from_asgi("/openapi.json", local_api.app, config=config)
    statuses: Counter[int] = Counter()
    phases: set[str] = set()
    called: set[str] = set()
    problems: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            problems.append(f"{event.label}: {event.value}")
        if not isinstance(event, events.ScenarioFinished):
            continue
        phases.add(event.phase.value)
        problems += failures(event.recorder)
        for case_id, exchange in event.recorder.interactions.items():
            answer = exchange.response
            assert answer is not None, "each request has an answer"
            case = event.recorder.cases[case_id].value
            called.add(case.operation.label)
            statuses[answer.status_code] += 1
            headers = {name: ", ".join(values) for name, values in answer.headers.items()}
            check(case.method, case.operation.path, answer.status_code, headers, answer.content)
    tried(statuses.total())
    assert problems == [], f"seed {seed}"
    assert max(statuses) < 500
    assert statuses.total() >= (LONG_LEAST if is_long else LEAST)
    assert {200, 201, 400, 401, 404, 405, 409, 422} <= set(statuses), "the answers are of every kind"
    assert (phases, called) == (PHASES, EVERY_CALL)
