"""What an artifact keeps of its dependencies: DynamoDB's model, all of it but its documentation."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader

from triggers_api.ops.build.trimming import trim, without_documentation

DATA = Path(botocore.__file__).parent / "data"
MODEL, RULES = "service-2", "endpoint-rule-set-1"


@pytest.fixture
def trimmed(tmp_path: Path) -> Path:
    """The data of an artifact after it was trimmed; before it had another service, too."""
    data = tmp_path / "botocore" / "data"
    data.mkdir(parents=True)
    for path in DATA.glob("*.json"):
        shutil.copy(path, data)
    for service in ("dynamodb", "sts"):
        shutil.copytree(DATA / service, data / service)
    (tmp_path / "pydantic" / "v1").mkdir(parents=True)
    trim(tmp_path)
    assert not (tmp_path / "pydantic" / "v1").exists()
    return data


def loader(data: Path) -> Loader:
    return Loader(extra_search_paths=[str(data)], include_default_search_paths=False)


def texts(value: Any) -> list[str]:
    """Return every text under the name of documentation."""
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    if not isinstance(value, dict):
        return []
    own = [part for name, part in value.items() if name == "documentation" and isinstance(part, str)]
    return own + [text for part in value.values() for text in texts(part)]


@pytest.mark.parametrize("kind", [MODEL, RULES])
def test_the_model_is_whole_but_for_its_documentation(trimmed: Path, kind: str) -> None:
    whole = Loader().load_service_model("dynamodb", kind)
    kept = loader(trimmed).load_service_model("dynamodb", kind)
    assert texts(whole)
    assert texts(kept) == []
    assert kept == without_documentation(whole)


def test_a_member_that_is_called_documentation_stays() -> None:
    member = {"documentation": {"shape": "Text", "documentation": "What it is."}, "documentationUrl": "x"}
    assert without_documentation([member]) == [{"documentation": {"shape": "Text"}, "documentationUrl": "x"}]


def test_no_other_service_is_left(trimmed: Path) -> None:
    assert loader(trimmed).list_available_services(MODEL) == ["dynamodb"]


def test_every_partition_keeps_the_endpoints_of_dynamodb(trimmed: Path) -> None:
    whole, kept = Loader().load_data("endpoints"), loader(trimmed).load_data("endpoints")
    assert len(kept["partitions"]) == len(whole["partitions"])
    for before, after in zip(whole["partitions"], kept["partitions"], strict=True):
        assert after == {**before, "services": {"dynamodb": before["services"]["dynamodb"]}}


@pytest.mark.parametrize("name", ["_retry", "partitions", "sdk-default-configuration"])
def test_what_every_client_reads_is_as_it_was(trimmed: Path, name: str) -> None:
    assert loader(trimmed).load_data(name) == Loader().load_data(name)


def test_the_models_are_not_packed(trimmed: Path) -> None:
    assert list(trimmed.rglob("*.gz")) == []
    packed = gzip.decompress(next(DATA.glob(f"dynamodb/*/{MODEL}.json.gz")).read_bytes())
    (model,) = trimmed.glob(f"dynamodb/*/{MODEL}.json")
    assert json.loads(model.read_text())["metadata"] == json.loads(packed)["metadata"]
