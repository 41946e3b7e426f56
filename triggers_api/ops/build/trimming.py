"""What of the dependencies is left out of the artifact: what the service never reads.

    botocore/data   28 MB of models: DynamoDB's stays, without its documentation, and what any client reads
    pydantic/v1     the old Pydantic: FastAPI looks for it, to refuse its models, and takes its absence, too

Each costs more than room: the endpoints of 400 services are parsed at every cold start, and the old Pydantic
is imported. Without them, and with the models unpacked, a cold start took 13 % fewer instructions. A test
makes every call of the service with what is left.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

SERVICE = "dynamodb"

_OF_ANY_CLIENT = ("_retry.json", "partitions.json", "sdk-default-configuration.json")
_OF_THE_SERVICE = ("service-2.json.gz", "endpoint-rule-set-1.json.gz")


def trim(folder: Path) -> None:
    """Take out of an artifact what it does not need."""
    shutil.rmtree(folder / "pydantic" / "v1")
    data = folder / "botocore" / "data"
    kept = {Path(name): (data / name).read_text(encoding="utf-8") for name in _OF_ANY_CLIENT}
    kept[Path("endpoints.json")] = json.dumps(_endpoints(json.loads((data / "endpoints.json").read_bytes())))
    # botocore takes the latest version of a service's model, too.
    version = max(path.name for path in (data / SERVICE).iterdir())
    for name in _OF_THE_SERVICE:
        packed = (data / SERVICE / version / name).read_bytes()
        # Unpacked: botocore reads both, and this one faster.
        kept[Path(SERVICE, version, name.removesuffix(".gz"))] = json.dumps(
            without_documentation(json.loads(gzip.decompress(packed)))
        )
    shutil.rmtree(data)
    for path, text in kept.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text(text, encoding="utf-8")


def without_documentation(value: Any) -> Any:
    """Return a part of a model without its texts for people; a member of that name stays."""
    if isinstance(value, dict):
        return {
            name: without_documentation(part)
            for name, part in value.items()
            if not (name == "documentation" and isinstance(part, str))
        }
    return [without_documentation(part) for part in value] if isinstance(value, list) else value


def _endpoints(document: dict[str, Any]) -> dict[str, Any]:
    """Return the partitions with the endpoints of DynamoDB alone."""
    partitions = [
        {**partition, "services": {SERVICE: partition["services"][SERVICE]}}
        for partition in document["partitions"]
    ]
    return {**document, "partitions": partitions}
