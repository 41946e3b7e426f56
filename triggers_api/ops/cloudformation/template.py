"""Read the stack's template: its parameters and their bounds, and the two copies that a deployment needs.

`deploy/template.yaml` is the source of truth. SAM gets a copy in which the code's folder is already built and
the CORS origin is written out as text. The origin must be text because SAM creates a new deployment of the
API only if the API's body changes, and a changed parameter does not change the body.
"""

import copy
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

try:  # in C, 20 times as fast, unless PyYAML was built without libyaml
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment] # it has the same methods

from triggers_api.errors import ConfigurationError
from triggers_api.ops.build.paths import DEPLOY
from triggers_api.version import VERSION

FUNCTION = "TriggersApiFunction"
TABLES = ("EventsTable", "ApiKeysTable")
"""The tables' logical ids."""

VERSION_OUTPUT = "Version"
"""The output with the version of this program that the stack was deployed with."""

MARKER_PARAMETERS = {"Stage", "EventTtlDays", "CorsAllowOrigin"}
"""Parameters that, taken together, only stacks of this program have."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A template parameter, with the constraints that CloudFormation would check."""

    name: str
    description: str
    default: str
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    constraint: str = ""
    bounds: tuple[int, int] | None = None

    @classmethod
    def parse(cls, name: str, item: Mapping[str, Any]) -> "Parameter":
        """Return the record of a parameter in the template."""
        allowed = tuple(str(value) for value in item.get("AllowedValues", ()))
        return cls(
            name=name,
            description=item["Description"],
            default=str(item["Default"]),
            allowed=allowed,
            pattern=item.get("AllowedPattern", ".*"),
            constraint=item.get("ConstraintDescription", "a text"),
            bounds=(item["MinValue"], item["MaxValue"]) if item["Type"] == "Number" and not allowed else None,
        )

    def check(self, value: str, origin: str) -> None:
        """Check a value before CloudFormation does.

        Raises:
            ConfigurationError: The value is not allowed. The error names `origin` and the allowed values.
        """
        if self.bounds is not None:
            lowest, highest = self.bounds
            valid = bool(re.fullmatch(r"0|[1-9]\d{0,8}", value, re.ASCII)) and lowest <= int(value) <= highest
            expected = f"a whole number from {lowest} to {highest}"
        elif self.allowed:
            valid, expected = value in self.allowed, f"one of {', '.join(self.allowed)}"
        else:
            valid, expected = bool(re.fullmatch(self.pattern, value, re.ASCII)), self.constraint
        if not valid:
            raise ConfigurationError(
                f"{origin}: {self.name} must be {expected}.",
                reason=f"got {value!r}",
                hint=f"Use {expected}. {self.name}: {self.description}.",
            )


class Template:
    """The template. No method changes it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.parameters: Mapping[str, Parameter] = {
            name: Parameter.parse(name, item) for name, item in document["Parameters"].items()
        }

    @classmethod
    def load(cls, path: Path = DEPLOY / "template.yaml") -> "Template":
        """Read the template of the package, or another file of the same form."""
        return cls(yaml.load(path.read_text(encoding="utf-8"), _Loader))  # noqa: S506 - a safe loader

    def find_parameter(self, name: str, origin: str) -> Parameter:
        """Return a parameter that an operator may set.

        Raises:
            ConfigurationError: There is none of this name. The error names `origin` and the parameters.
        """
        if name == "Stage":
            raise ConfigurationError(
                f"{origin}: Stage is set with --stage, not as a parameter.", hint="Use --stage."
            )
        if name not in self.parameters:
            raise ConfigurationError(
                f"{origin}: the stack has no parameter {name}.",
                hint=f"Use one of {', '.join(sorted(set(self.parameters) - {'Stage'}))}.",
            )
        return self.parameters[name]

    def sam_template(self, *, code: Path, cors_allow_origin: str, build_method: str | None = None) -> str:
        """Return the copy for SAM, as JSON.

        Args:
            code: The folder of the function's code.
            cors_allow_origin: The CORS origin to write out.
            build_method: How SAM builds the code; None if the folder is already built.
        """
        document = copy.deepcopy(dict(self._document))
        function = document["Resources"][FUNCTION]
        function["Properties"]["CodeUri"] = str(code)
        function["Metadata"] = {"BuildMethod": build_method} if build_method else {"SkipBuild": True}
        document["Outputs"][VERSION_OUTPUT]["Value"] = VERSION
        api = document["Resources"]["TriggersApi"]
        api["Properties"] = _replace_parameter(api["Properties"], "CorsAllowOrigin", cors_allow_origin)
        return json.dumps(document, indent=1)

    def import_template(self, tables: Mapping[str, Mapping[str, Any]]) -> str:
        """Return the copy for an import, as JSON: an import may contain nothing but the imported tables.

        Args:
            tables: The tables' properties by logical id.
        """
        document = {
            name: self._document[name] for name in ("AWSTemplateFormatVersion", "Description", "Parameters")
        }
        document["Resources"] = {
            name: {**self._document["Resources"][name], "Properties": dict(properties)}
            for name, properties in tables.items()
        }
        return json.dumps(document, indent=1)

    def properties(self, logical_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the properties of resources by logical id, as they are written."""
        return {name: self._document["Resources"][name]["Properties"] for name in logical_ids}

    def resolve_properties(self, logical_id: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return a resource's properties in a stack with these parameters; others have their defaults.

        References to tables and log groups become their names. The function's properties include those of
        `Globals`. Anything that needs an ARN or a condition stays as it is written.
        """
        resources = self._document["Resources"]
        properties: Any = resources[logical_id]["Properties"]
        if logical_id == FUNCTION:
            properties = {**self._document["Globals"]["Function"], **properties}
        names = {name: _resource_name(resource) for name, resource in resources.items()}
        names = {name: text for name, text in names.items() if text}
        defaults = {name: parameter.default for name, parameter in self.parameters.items()}
        for name, text in {**names, **defaults, **parameters}.items():
            properties = _replace_parameter(properties, name, text)
        result: dict[str, Any] = _replace_sub(properties)
        return result


def measures_backlog(parameters: Mapping[str, str]) -> bool:
    """Return whether a stack with these parameters has the schedule that measures the backlog."""
    return bool(parameters.get("AlarmEmail")) or parameters.get("Dashboard") == "true"


def parse_template(body: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a template as `GetTemplate` gives it: parsed if it is JSON, else its text in YAML."""
    if not isinstance(body, str):
        return body
    document = yaml.load(body, _Loader)  # noqa: S506 - a safe loader
    return document if isinstance(document, Mapping) else {}


def _replace_parameter(value: Any, parameter: str, text: str) -> Any:
    """Return a part of the template with every reference to a parameter replaced by text."""
    if isinstance(value, dict):
        if value == {"Ref": parameter}:
            return text
        return {name: _replace_parameter(part, parameter, text) for name, part in value.items()}
    if isinstance(value, list):
        return [_replace_parameter(part, parameter, text) for part in value]
    return value.replace(f"${{{parameter}}}", text) if isinstance(value, str) else value


def _replace_sub(value: Any) -> Any:
    """Return a part of the template with every `Fn::Sub` replaced by its text."""
    if isinstance(value, dict):
        if isinstance(text := value.get("Fn::Sub"), str):
            return text
        return {name: _replace_sub(part) for name, part in value.items()}
    return [_replace_sub(part) for part in value] if isinstance(value, list) else value


def _resource_name(resource: Mapping[str, Any]) -> str:
    """Return the name that the template gives a resource, with parameters in it; empty if it gives none."""
    properties = resource.get("Properties", {})
    name = properties.get("TableName") or properties.get("LogGroupName") or {}
    return str(name.get("Fn::Sub", "")) if isinstance(name, Mapping) else str(name)


class _Loader(SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is `{"Ref": X}`, `!Sub X` is `{"Fn::Sub": X}`."""


def _expand_short_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type] # the third kind of node
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _expand_short_form)
