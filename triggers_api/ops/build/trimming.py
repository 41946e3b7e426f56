"""Remove the parts of the dependencies that the service never reads.

    botocore/data   28 MB of service models. DynamoDB's is kept without its documentation, together with the
                    files that every client reads.
    pydantic/v1     The old Pydantic. FastAPI imports it only to reject its models, and works without it.

Both cost time as well as space: every cold start parses the endpoints of 400 services and imports the old
Pydantic. Without them, and with the models uncompressed, a cold start takes 13 % fewer instructions. A test
makes every call of the service with the trimmed artifact.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

SERVICE = "dynamodb"

_COMMON_FILES = ("_retry.json", "partitions.json", "sdk-default-configuration.json")
_SERVICE_FILES = ("service-2.json.gz", "endpoint-rule-set-1.json.gz")


def trim(folder: Path) -> None:
    """Remove from an artifact what the service does not need."""
    shutil.rmtree(folder / "pydantic" / "v1")
    data = folder / "botocore" / "data"
    kept = {Path(name): (data / name).read_text(encoding="utf-8") for name in _COMMON_FILES}
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    kept[Path("endpoints.json")] = json.dumps(_keep_service_endpoints(endpoints))
    version = max(path.name for path in (data / SERVICE).iterdir())  # the one that botocore uses
    for name in _SERVICE_FILES:
        model = json.loads(gzip.decompress((data / SERVICE / version / name).read_bytes()))
        # Uncompressed: botocore reads both forms, and this one faster.
        kept[Path(SERVICE, version, name.removesuffix(".gz"))] = json.dumps(remove_documentation(model))
    shutil.rmtree(data)
    for path, text in kept.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text(text, encoding="utf-8")


def remove_documentation(value: Any) -> Any:
    """Return a part of a model without its documentation texts; a member of that name is kept."""
    if isinstance(value, dict):
        return {
            name: remove_documentation(part)
            for name, part in value.items()
            if not (name == "documentation" and isinstance(part, str))
        }
    return [remove_documentation(part) for part in value] if isinstance(value, list) else value


def _keep_service_endpoints(document: dict[str, Any]) -> dict[str, Any]:
    """Return botocore's endpoints, reduced to those of DynamoDB."""
    partitions = [
        {**partition, "services": {SERVICE: partition["services"][SERVICE]}}
        for partition in document["partitions"]
    ]
    return {**document, "partitions": partitions}
