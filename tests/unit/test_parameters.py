"""The stack parameters of a command line: `--parameter`, and the flags that set one."""

import pytest

from triggers_api.cli.parameters import parse_parameters
from triggers_api.errors import ConfigurationError
from triggers_api.ops.target import Setting

NO_FLAGS = {"Runtime": None, "Architecture": None}


def test_parameters_and_flags_are_combined_with_their_origins() -> None:
    parameters = parse_parameters(["LogLevel=DEBUG"], {"Runtime": "python3.13", "Architecture": None})
    assert parameters == {
        "LogLevel": Setting("DEBUG", "--parameter"),
        "Runtime": Setting("python3.13", "--runtime"),
    }


def test_value_may_contain_an_equals_sign_or_be_empty() -> None:
    parameters = parse_parameters(["AlarmEmail=a=b@c.example", "Other="], NO_FLAGS)
    assert [setting.value for setting in parameters.values()] == ["a=b@c.example", ""]


@pytest.mark.parametrize("text", ["LogLevel", "=DEBUG", ""])
def test_text_without_key_and_value_is_rejected(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not KEY=VALUE"):
        parse_parameters([text], NO_FLAGS)


def test_flag_may_repeat_but_not_contradict_a_parameter() -> None:
    assert parse_parameters(["Runtime=python3.13"], {"Runtime": "python3.13"})
    with pytest.raises(ConfigurationError, match="contradicts"):
        parse_parameters(["Runtime=python3.13"], {"Runtime": "python3.12"})
