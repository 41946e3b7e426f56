"""The trimmed dependencies: DynamoDB's model is complete except for its documentation."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader

from triggers_api.ops.build.trimming import remove_documentation, trim

DATA = Path(botocore.__file__).parent / "data"
MODEL, RULES = "service-2", "endpoint-rule-set-1"


@pytest.fixture
def trimmed(tmp_path: Path) -> Path:
    """The botocore data of a trimmed artifact, which held another service before."""
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
    """Return every documentation text."""
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    if not isinstance(value, dict):
        return []
    own = [part for name, part in value.items() if name == "documentation" and isinstance(part, str)]
    return own + [text for part in value.values() for text in texts(part)]


@pytest.mark.parametrize("kind", [MODEL, RULES])
def test_model_is_complete_except_for_documentation(trimmed: Path, kind: str) -> None:
    whole = Loader().load_service_model("dynamodb", kind)
    kept = loader(trimmed).load_service_model("dynamodb", kind)
    assert texts(whole)
    assert texts(kept) == []
    assert kept == remove_documentation(whole)


def test_member_named_documentation_is_kept() -> None:
    member = {"documentation": {"shape": "Text", "documentation": "What it is."}, "documentationUrl": "x"}
    assert remove_documentation([member]) == [{"documentation": {"shape": "Text"}, "documentationUrl": "x"}]


def test_models_of_other_services_are_removed(trimmed: Path) -> None:
    assert loader(trimmed).list_available_services(MODEL) == ["dynamodb"]


def test_every_partition_keeps_the_endpoints_of_dynamodb(trimmed: Path) -> None:
    whole, kept = Loader().load_data("endpoints"), loader(trimmed).load_data("endpoints")
    assert len(kept["partitions"]) == len(whole["partitions"])
    for before, after in zip(whole["partitions"], kept["partitions"], strict=True):
        assert after == {**before, "services": {"dynamodb": before["services"]["dynamodb"]}}


@pytest.mark.parametrize("name", ["_retry", "partitions", "sdk-default-configuration"])
def test_common_files_are_unchanged(trimmed: Path, name: str) -> None:
    assert loader(trimmed).load_data(name) == Loader().load_data(name)


def test_models_are_uncompressed(trimmed: Path) -> None:
    assert list(trimmed.rglob("*.gz")) == []
    packed = gzip.decompress(next(DATA.glob(f"dynamodb/*/{MODEL}.json.gz")).read_bytes())
    (model,) = trimmed.glob(f"dynamodb/*/{MODEL}.json")
    assert json.loads(model.read_text())["metadata"] == json.loads(packed)["metadata"]
