"""The stack's template as a deployment uses it: what its parameters may be, and the copies made of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import template as as_read_by_others
from triggers_api.errors import ConfigurationError, Kind
from triggers_api.ops.build.artifact import ARCHITECTURES, RUNTIMES
from triggers_api.ops.cloudformation.template import FUNCTION, TABLES, Template

AN_ORIGIN = "* or an origin as a browser sends it, such as https://example.com"
ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load()


def refused(template: Template, name: str, value: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        template.parameters[name].check(value, "--parameter")
    assert caught.value.kind is Kind.USAGE
    assert caught.value.message.startswith(f"--parameter: {name} must be ")
    assert repr(value) in caught.value.reason
    assert caught.value.hint
    return caught.value


def copied(template: Template, **options: str) -> dict[str, Any]:
    copy = template.handed_to_sam(code=Path("/srv/code"), cors_allow_origin=ORIGIN, **options)
    document: dict[str, Any] = json.loads(copy)
    return document


def uses_of(part: Any, parameter: str) -> int:
    """Count where a part of a template refers to a parameter."""
    text = json.dumps(part)
    return text.count(f'{{"Ref": "{parameter}"}}') + text.count(f"${{{parameter}}}")


def test_every_default_may_be_given(template: Template) -> None:
    for parameter in template.parameters.values():
        parameter.check(parameter.default, "default")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stage", "a"),
        ("Stage", "dev-2"),
        ("CorsAllowOrigin", "*"),
        ("CorsAllowOrigin", ORIGIN),
        ("CorsAllowOrigin", "http://localhost:5173"),
        ("CorsAllowOrigin", "http://localhost:64999"),
        ("EventTtlDays", "1"),
        ("EventTtlDays", "3650"),
        ("MemorySize", "128"),
        ("MemorySize", "10240"),
        ("LogLevel", "DEBUG"),
        ("LogRetentionDays", "3653"),
        ("DeletionProtection", "true"),
        ("AlarmEmail", ""),
        ("AlarmEmail", "on-call@example.com"),
    ],
)
def test_a_value_that_may_be(template: Template, name: str, value: str) -> None:
    template.parameters[name].check(value, "--parameter")


@pytest.mark.parametrize(
    "value", ["0", "3651", "-1", "1.5", "", "seven", "1e2", "1" * 30, "\u0667", "7\n", " 7"]
)
def test_a_number_out_of_its_range_is_refused_with_the_range(template: Template, value: str) -> None:
    assert "a whole number from 1 to 3650" in refused(template, "EventTtlDays", value).message


@pytest.mark.parametrize("value", ["debug", "TRACE", "", "DEBUG\n", "DEBUG,INFO"])
def test_a_value_that_is_none_of_those_allowed_is_refused_with_all_of_them(
    template: Template, value: str
) -> None:
    assert "one of DEBUG, INFO, WARNING, ERROR, CRITICAL" in refused(template, "LogLevel", value).message


def test_a_number_of_a_list_is_checked_as_one_of_it(template: Template) -> None:
    assert "one of 1, 3, 5, 7, 14, 30" in refused(template, "LogRetentionDays", "8").message


@pytest.mark.parametrize("name", ["PointInTimeRecovery", "DeletionProtection", "AccessLogs", "Dashboard"])
@pytest.mark.parametrize("value", ["yes", "True", "1", ""])
def test_a_switch_is_true_or_false(template: Template, name: str, value: str) -> None:
    assert "one of true, false" in refused(template, name, value).message


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("Stage", "Prod", "1 to 20 of a-z, 0-9 and -"),
        ("Stage", "a" * 21, "1 to 20 of a-z, 0-9 and -"),
        ("CorsAllowOrigin", "shop.example", AN_ORIGIN),
        ("CorsAllowOrigin", f"{ORIGIN}/", AN_ORIGIN),
        ("CorsAllowOrigin", f"{ORIGIN}\n", AN_ORIGIN),
        ("CorsAllowOrigin", "https://a'b", AN_ORIGIN),
        # A browser sends a host in lower case, and no port that goes without saying.
        ("CorsAllowOrigin", "https://Shop.example", AN_ORIGIN),
        ("CorsAllowOrigin", "https://shop.example:443", AN_ORIGIN),
        ("CorsAllowOrigin", "http://shop.example:80", AN_ORIGIN),
        ("CorsAllowOrigin", "https://shop..example", AN_ORIGIN),
        ("CorsAllowOrigin", "https://-shop.example", AN_ORIGIN),
        ("AlarmEmail", "nobody", "an e-mail address, or nothing"),
        ("AlarmEmail", "a@b..example", "an e-mail address, or nothing"),
        ("AlarmEmail", "a=b@example.com", "an e-mail address, or nothing"),
        ("AlarmEmail", 'a"b@example.com', "an e-mail address, or nothing"),
    ],
)
def test_a_text_of_another_form_is_refused_with_what_it_should_be(
    template: Template, name: str, value: str, allowed: str
) -> None:
    assert allowed in refused(template, name, value).message


def test_an_unknown_parameter_is_refused_by_its_place_with_those_that_there_are(template: Template) -> None:
    with pytest.raises(ConfigurationError) as caught:
        template.named("Memory", "triggers.toml")
    assert caught.value.message == "triggers.toml: the stack has no parameter Memory."
    for name in ("MemorySize", "LogLevel", "AlarmEmail"):
        assert name in caught.value.hint
    assert not re.search(r"\bStage\b", caught.value.hint)


def test_the_stage_is_no_parameter_to_give(template: Template) -> None:
    with pytest.raises(ConfigurationError) as caught:
        template.named("Stage", "triggers.toml")
    assert caught.value.message.startswith("triggers.toml: Stage")
    assert "--stage" in caught.value.hint


def test_a_parameter_is_found_by_its_name(template: Template) -> None:
    assert template.named("MemorySize", "--parameter").bounds == (128, 10240)


def test_what_may_be_built_is_what_the_template_allows(template: Template) -> None:
    assert template.parameters["Runtime"].allowed == RUNTIMES
    assert template.parameters["Architecture"].allowed == ARCHITECTURES


def test_a_resource_is_resolved_with_the_stacks_parameters_and_the_others_defaults(
    template: Template,
) -> None:
    group = template.resolved("TriggersApiLogGroup", {"Stage": "dev", "LogRetentionDays": "30"})
    assert group == {"LogGroupName": "/aws/lambda/triggers-api-dev", "RetentionInDays": "30"}
    assert template.resolved("TriggersApiLogGroup", {})["LogGroupName"] == "/aws/lambda/triggers-api-prod"


def test_the_function_is_resolved_with_what_all_functions_share(template: Template) -> None:
    function = template.resolved(FUNCTION, {"Stage": "dev", "MemorySize": "256"})
    assert function["Handler"] == "triggers_api.main.handler"
    assert (function["MemorySize"], function["Timeout"]) == ("256", 30)
    assert function["LoggingConfig"] == {"LogGroup": "/aws/lambda/triggers-api-dev"}
    assert function["Environment"]["Variables"]["DYNAMODB_TABLE_KEYS"] == "triggers-api-keys-dev"


def test_what_needs_an_arn_or_a_condition_stays_as_it_is_written(template: Template) -> None:
    assert template.resolved(FUNCTION, {})["Role"] == {"Fn::GetAtt": ["TriggersApiRole", "Arn"]}
    api = template.resolved("TriggersApi", {"CorsAllowOrigin": ORIGIN})
    assert "Fn::If" in api["AccessLogSetting"]
    assert api["Cors"]["AllowOrigin"] == f"'{ORIGIN}'"


def test_a_resolved_table_agrees_with_another_reader(template: Template) -> None:
    stack = as_read_by_others.Stack(Stage="dev", PointInTimeRecovery="false")
    for name in TABLES:
        properties = template.resolved(name, {"Stage": "dev", "PointInTimeRecovery": "false"})
        assert properties == stack.value(stack.resources[name]["Properties"])


def test_sam_gets_code_that_is_built_already(template: Template) -> None:
    function = copied(template)["Resources"][FUNCTION]
    assert function["Properties"]["CodeUri"] == "/srv/code"
    assert function["Metadata"] == {"SkipBuild": True}


def test_sam_may_be_told_to_build(template: Template) -> None:
    function = copied(template, build_method="python3.13")["Resources"][FUNCTION]
    assert function["Properties"]["CodeUri"] == "/srv/code"
    assert function["Metadata"] == {"BuildMethod": "python3.13"}


def test_the_origin_stands_everywhere_in_the_api_as_it_is(template: Template) -> None:
    original = as_read_by_others.load()["Resources"]["TriggersApi"]
    places = uses_of(original, "CorsAllowOrigin")
    assert places >= 5
    api = copied(template)["Resources"]["TriggersApi"]
    assert uses_of(api, "CorsAllowOrigin") == 0
    assert json.dumps(api).count(f"'{ORIGIN}'") == places
    assert api["Properties"]["Cors"]["AllowOrigin"] == {"Fn::Sub": f"'{ORIGIN}'"}
    assert "CorsAllowOrigin" not in json.dumps(api)


def test_the_origin_stays_a_parameter_elsewhere(template: Template) -> None:
    copy = copied(template)
    variables = copy["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CORS_ALLOW_ORIGIN"] == {"Ref": "CorsAllowOrigin"}
    assert "CorsAllowOrigin" in copy["Parameters"]
    del copy["Resources"]["TriggersApi"]
    assert ORIGIN not in json.dumps(copy)


def test_nothing_else_is_changed_in_the_copy(template: Template) -> None:
    copy, original = copied(template), as_read_by_others.load()
    for document in (copy, original):
        del document["Resources"]["TriggersApi"], document["Resources"][FUNCTION]["Metadata"]
        del document["Resources"][FUNCTION]["Properties"]["CodeUri"]
    assert copy == original


def test_the_template_itself_is_unchanged_by_its_copies(template: Template) -> None:
    first = copied(template)
    template.tables_only(template.properties_of(TABLES))
    copied(template, build_method="python3.13")
    assert copied(template) == first
    again = json.loads(template.handed_to_sam(code=Path("/srv"), cors_allow_origin="*"))
    assert again["Resources"]["TriggersApi"]["Properties"]["Cors"]["AllowOrigin"] == {"Fn::Sub": "'*'"}


@pytest.mark.parametrize("names", [["EventsTable"], ["ApiKeysTable"], ["EventsTable", "ApiKeysTable"]])
def test_a_template_of_tables_has_them_and_all_parameters(template: Template, names: list[str]) -> None:
    cut = json.loads(template.tables_only(template.properties_of(names)))
    assert list(cut["Resources"]) == names
    for table in cut["Resources"].values():
        assert table["Type"] == "AWS::DynamoDB::Table"
        assert table["DeletionPolicy"] == "RetainExceptOnCreate"
        assert table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["TableName"]["Fn::Sub"].endswith("-${Stage}")
    assert cut["Parameters"] == as_read_by_others.load()["Parameters"]
    assert set(cut) == {"AWSTemplateFormatVersion", "Description", "Parameters", "Resources"}


def test_a_template_of_tables_has_the_properties_that_it_is_given(template: Template) -> None:
    cut = json.loads(template.tables_only({"EventsTable": {"BillingMode": "PROVISIONED"}}))
    assert cut["Resources"]["EventsTable"]["Properties"] == {"BillingMode": "PROVISIONED"}
    assert cut["Resources"]["EventsTable"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_short_forms_of_yaml_are_the_long_ones(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        """
        AWSTemplateFormatVersion: '2010-09-09'
        Description: short forms
        Parameters: {}
        Resources:
          Thing:
            Ref: !Ref Stage
            GetAtt: !GetAtt Role.Arn
            GetAttOfTwo: !GetAtt Nested.Outputs.Name
            Sub: !Sub 'a-${Stage}'
            SubWithValues: !Sub ['${a}', {a: !Ref Stage}]
            If: !If [Wanted, !Ref A, !Ref 'AWS::NoValue']
            Condition: !Condition Wanted
            Map: !Transform {Name: AWS::Include, Parameters: {Location: !Ref Where}}
        """
    )
    thing = json.loads(Template.load(path).tables_only({"Thing": {}}))["Resources"]["Thing"]
    assert thing == {
        "Properties": {},
        "Ref": {"Ref": "Stage"},
        "GetAtt": {"Fn::GetAtt": ["Role", "Arn"]},
        "GetAttOfTwo": {"Fn::GetAtt": ["Nested", "Outputs.Name"]},
        "Sub": {"Fn::Sub": "a-${Stage}"},
        "SubWithValues": {"Fn::Sub": ["${a}", {"a": {"Ref": "Stage"}}]},
        "If": {"Fn::If": ["Wanted", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
        "Condition": {"Condition": "Wanted"},
        "Map": {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": {"Ref": "Where"}}}},
    }


def test_both_readers_of_the_template_agree(template: Template) -> None:
    original = as_read_by_others.load()
    cut = json.loads(template.tables_only(template.properties_of(original["Resources"])))
    assert cut["Resources"] == original["Resources"]
