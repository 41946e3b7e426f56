"""The deployed version, compared with this one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.stubbed_aws import make_stack
from triggers_api.ops.cloudformation import versions
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.cloudformation.versions import deployed_version, is_downgrade
from triggers_api.ops.doctor.readiness import check_version
from triggers_api.ops.findings import State
from triggers_api.version import VERSION


def stack(version: str | None) -> Stack:
    outputs = {} if version is None else {"Version": version}
    return replace(make_stack("UPDATE_COMPLETE"), outputs=outputs)


@pytest.mark.parametrize(
    ("deployed", "program", "expected"),
    [
        ("0.2.0", "0.1.0", True),
        ("0.10.0", "0.9.0", True),
        ("0.2.0", "0.2.0rc1", True),
        ("0.2.0", "0.2.0.dev1", True),
        ("0.2.0.post1", "0.2.0", True),
        ("0.2.0+ours.2", "0.2.0+ours.1", True),
        ("0.1.0", "0.1.0", False),
        ("0.1", "0.1.0", False),
        ("0.2.0rc1", "0.2.0", False),
        ("0.2.0", "0.2.0+ours", False),
        (None, "0.1.0", False),
        ("unknown", "0.1.0", False),
        ("\x1b[31m", "0.1.0", False),
    ],
)
def test_older_program_downgrades(
    monkeypatch: pytest.MonkeyPatch, deployed: str | None, program: str, expected: bool
) -> None:
    monkeypatch.setattr(versions, "VERSION", program)
    assert is_downgrade(stack(deployed)) is expected


def test_stack_without_the_output_has_an_unknown_version() -> None:
    assert deployed_version(stack(None)) == "unknown"


@pytest.mark.parametrize(
    ("deployed", "state"), [("99.0", State.WARNING), (VERSION, State.OK), (None, State.OK)]
)
def test_doctor_shows_both_versions(deployed: str | None, state: State) -> None:
    found = check_version(stack(deployed))
    assert found.state is state
    assert (deployed or "unknown") in found.message
    assert VERSION in found.message
    assert ("--allow-downgrade" in found.fix) is (state is State.WARNING)


def test_template_for_sam_has_the_version_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("triggers_api.ops.cloudformation.template.VERSION", "9.8.7")
    text = Template.load().sam_template(code=tmp_path, cors_allow_origin="*")
    assert json.loads(text)["Outputs"]["Version"]["Value"] == "9.8.7"
