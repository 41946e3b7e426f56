"""The template as a deployment uses it: the bounds of its parameters, and its copies."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import template as as_read_by_others
from triggers_api.errors import ConfigurationError, Kind
from triggers_api.ops.build.artifact import ARCHITECTURES, RUNTIMES
from triggers_api.ops.cloudformation.template import FUNCTION, TABLES, Template

AN_ORIGIN = "* or an origin as browsers send it, such as https://example.com"
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
    copy = template.sam_template(code=Path("/srv/code"), cors_allow_origin=ORIGIN, **options)
    document: dict[str, Any] = json.loads(copy)
    return document


def uses_of(part: Any, parameter: str) -> int:
    """Count the references to a parameter in a part of a template."""
    text = json.dumps(part)
    return text.count(f'{{"Ref": "{parameter}"}}') + text.count(f"${{{parameter}}}")


def test_every_default_is_allowed(template: Template) -> None:
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
def test_allowed_value_passes(template: Template, name: str, value: str) -> None:
    template.parameters[name].check(value, "--parameter")


@pytest.mark.parametrize(
    "value", ["0", "3651", "-1", "1.5", "", "seven", "1e2", "1" * 30, "\u0667", "7\n", " 7"]
)
def test_number_out_of_range_names_the_range(template: Template, value: str) -> None:
    assert "a whole number from 1 to 3650" in refused(template, "EventTtlDays", value).message


@pytest.mark.parametrize("value", ["debug", "TRACE", "", "DEBUG\n", "DEBUG,INFO"])
def test_value_that_is_not_listed_names_the_list(template: Template, value: str) -> None:
    assert "one of DEBUG, INFO, WARNING, ERROR, CRITICAL" in refused(template, "LogLevel", value).message


def test_listed_number_is_checked_against_the_list(template: Template) -> None:
    assert "one of 1, 3, 5, 7, 14, 30" in refused(template, "LogRetentionDays", "8").message


@pytest.mark.parametrize("name", ["PointInTimeRecovery", "DeletionProtection", "AccessLogs", "Dashboard"])
@pytest.mark.parametrize("value", ["yes", "True", "1", ""])
def test_switch_must_be_true_or_false(template: Template, name: str, value: str) -> None:
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
        # A browser sends the host in lower case, and omits the default port.
        ("CorsAllowOrigin", "https://Shop.example", AN_ORIGIN),
        ("CorsAllowOrigin", "https://shop.example:443", AN_ORIGIN),
        ("CorsAllowOrigin", "http://shop.example:80", AN_ORIGIN),
        ("CorsAllowOrigin", "https://shop..example", AN_ORIGIN),
        ("CorsAllowOrigin", "https://-shop.example", AN_ORIGIN),
        ("AlarmEmail", "nobody", "an email address, or empty"),
        ("AlarmEmail", "a@b..example", "an email address, or empty"),
        ("AlarmEmail", "a=b@example.com", "an email address, or empty"),
        ("AlarmEmail", 'a"b@example.com', "an email address, or empty"),
    ],
)
def test_text_that_does_not_match_names_the_constraint(
    template: Template, name: str, value: str, allowed: str
) -> None:
    assert allowed in refused(template, name, value).message


def test_unknown_parameter_names_its_origin_and_the_known_ones(template: Template) -> None:
    with pytest.raises(ConfigurationError) as caught:
        template.find_parameter("Memory", "triggers.toml")
    assert caught.value.message == "triggers.toml: the stack has no parameter Memory."
    for name in ("MemorySize", "LogLevel", "AlarmEmail"):
        assert name in caught.value.hint
    assert not re.search(r"\bStage\b", caught.value.hint)


def test_stage_cannot_be_given_as_a_parameter(template: Template) -> None:
    with pytest.raises(ConfigurationError) as caught:
        template.find_parameter("Stage", "triggers.toml")
    assert caught.value.message.startswith("triggers.toml: Stage")
    assert "--stage" in caught.value.hint


def test_parameter_is_found_by_its_name(template: Template) -> None:
    assert template.find_parameter("MemorySize", "--parameter").bounds == (128, 10240)


def test_buildable_targets_are_those_of_the_template(template: Template) -> None:
    assert template.parameters["Runtime"].allowed == RUNTIMES
    assert template.parameters["Architecture"].allowed == ARCHITECTURES


def test_properties_resolve_to_given_values_and_defaults(
    template: Template,
) -> None:
    group = template.resolve_properties("TriggersApiLogGroup", {"Stage": "dev", "LogRetentionDays": "30"})
    assert group == {"LogGroupName": "/aws/lambda/triggers-api-dev", "RetentionInDays": "30"}
    assert (
        template.resolve_properties("TriggersApiLogGroup", {})["LogGroupName"]
        == "/aws/lambda/triggers-api-prod"
    )


def test_function_properties_include_globals(template: Template) -> None:
    function = template.resolve_properties(FUNCTION, {"Stage": "dev", "MemorySize": "256"})
    assert function["Handler"] == "triggers_api.main.handler"
    assert (function["MemorySize"], function["Timeout"]) == ("256", 30)
    assert function["LoggingConfig"] == {"LogGroup": "/aws/lambda/triggers-api-dev"}
    assert function["Environment"]["Variables"]["DYNAMODB_TABLE_KEYS"] == "triggers-api-keys-dev"


def test_arns_and_conditions_stay_unresolved(template: Template) -> None:
    assert template.resolve_properties(FUNCTION, {})["Role"] == {"Fn::GetAtt": ["TriggersApiRole", "Arn"]}
    api = template.resolve_properties("TriggersApi", {"CorsAllowOrigin": ORIGIN})
    assert "Fn::If" in api["AccessLogSetting"]
    assert api["Cors"]["AllowOrigin"] == f"'{ORIGIN}'"


def test_resolved_table_agrees_with_another_reader(template: Template) -> None:
    stack = as_read_by_others.Stack(Stage="dev", PointInTimeRecovery="false")
    for name in TABLES:
        properties = template.resolve_properties(name, {"Stage": "dev", "PointInTimeRecovery": "false"})
        assert properties == stack.value(stack.resources[name]["Properties"])


def test_sam_template_skips_the_build_by_default(template: Template) -> None:
    function = copied(template)["Resources"][FUNCTION]
    assert function["Properties"]["CodeUri"] == "/srv/code"
    assert function["Metadata"] == {"SkipBuild": True}


def test_sam_template_can_let_sam_build(template: Template) -> None:
    function = copied(template, build_method="python3.13")["Resources"][FUNCTION]
    assert function["Properties"]["CodeUri"] == "/srv/code"
    assert function["Metadata"] == {"BuildMethod": "python3.13"}


def test_cors_origin_is_written_out_in_the_api(template: Template) -> None:
    original = as_read_by_others.load()["Resources"]["TriggersApi"]
    places = uses_of(original, "CorsAllowOrigin")
    assert places >= 5
    api = copied(template)["Resources"]["TriggersApi"]
    assert uses_of(api, "CorsAllowOrigin") == 0
    assert json.dumps(api).count(f"'{ORIGIN}'") == places
    assert api["Properties"]["Cors"]["AllowOrigin"] == {"Fn::Sub": f"'{ORIGIN}'"}
    assert "CorsAllowOrigin" not in json.dumps(api)


def test_cors_origin_stays_a_parameter_elsewhere(template: Template) -> None:
    copy = copied(template)
    variables = copy["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CORS_ALLOW_ORIGIN"] == {"Ref": "CorsAllowOrigin"}
    assert "CorsAllowOrigin" in copy["Parameters"]
    del copy["Resources"]["TriggersApi"]
    assert ORIGIN not in json.dumps(copy)


def test_sam_template_changes_nothing_else(template: Template) -> None:
    copy, original = copied(template), as_read_by_others.load()
    for document in (copy, original):
        del document["Resources"]["TriggersApi"], document["Resources"][FUNCTION]["Metadata"]
        del document["Resources"][FUNCTION]["Properties"]["CodeUri"]
    assert copy == original


def test_copies_leave_the_template_unchanged(template: Template) -> None:
    first = copied(template)
    template.import_template(template.properties(TABLES))
    copied(template, build_method="python3.13")
    assert copied(template) == first
    again = json.loads(template.sam_template(code=Path("/srv"), cors_allow_origin="*"))
    assert again["Resources"]["TriggersApi"]["Properties"]["Cors"]["AllowOrigin"] == {"Fn::Sub": "'*'"}


@pytest.mark.parametrize("names", [["EventsTable"], ["ApiKeysTable"], ["EventsTable", "ApiKeysTable"]])
def test_import_template_has_the_tables_and_all_parameters(template: Template, names: list[str]) -> None:
    cut = json.loads(template.import_template(template.properties(names)))
    assert list(cut["Resources"]) == names
    for table in cut["Resources"].values():
        assert table["Type"] == "AWS::DynamoDB::Table"
        assert table["DeletionPolicy"] == "RetainExceptOnCreate"
        assert table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["TableName"]["Fn::Sub"].endswith("-${Stage}")
    assert cut["Parameters"] == as_read_by_others.load()["Parameters"]
    assert set(cut) == {"AWSTemplateFormatVersion", "Description", "Parameters", "Resources"}


def test_import_template_has_the_given_properties(template: Template) -> None:
    cut = json.loads(template.import_template({"EventsTable": {"BillingMode": "PROVISIONED"}}))
    assert cut["Resources"]["EventsTable"]["Properties"] == {"BillingMode": "PROVISIONED"}
    assert cut["Resources"]["EventsTable"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_yaml_short_forms_expand_to_the_long_forms(tmp_path: Path) -> None:
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
    thing = json.loads(Template.load(path).import_template({"Thing": {}}))["Resources"]["Thing"]
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
    cut = json.loads(template.import_template(template.properties(original["Resources"])))
    assert cut["Resources"] == original["Resources"]
