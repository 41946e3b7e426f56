"""The stack's template: its parameters and their bounds, and the two copies that a deployment needs.

`deploy/template.yaml` is the one source of truth. What is handed to SAM is a copy of it in which the artifact
is already built, and the origin for CORS is written out: SAM makes a new deployment of the API only where the
API's body changes, and a parameter inside it does not change it.
"""

import copy
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from triggers_api.errors import ConfigurationError
from triggers_api.ops.build.paths import DEPLOY

FUNCTION = "TriggersApiFunction"
TABLES = ("EventsTable", "ApiKeysTable")
"""The tables' logical ids."""

MARKS = {"Stage", "EventTtlDays", "CorsAllowOrigin"}
"""Parameters that together tell a stack of this program from any other."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the template, with what CloudFormation would check."""

    name: str
    description: str
    default: str
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    constraint: str = ""
    bounds: tuple[int, int] | None = None

    def check(self, value: str, origin: str) -> None:
        """Return where the value may be; else `ConfigurationError` says what is allowed."""
        if self.bounds is not None:
            lowest, highest = self.bounds
            good = bool(re.fullmatch(r"0|[1-9]\d{0,8}", value, re.ASCII)) and lowest <= int(value) <= highest
            expected = f"a whole number from {lowest} to {highest}"
        elif self.allowed:
            good, expected = value in self.allowed, f"one of {', '.join(self.allowed)}"
        else:
            good, expected = bool(re.fullmatch(self.pattern, value, re.ASCII)), self.constraint
        if not good:
            raise ConfigurationError(
                f"{origin}: {self.name} must be {expected}.",
                reason=f"{value!r} is not",
                hint=f"Give {expected}. What it is: {self.description}.",
            )


class Template:
    """The template, read once; no method changes it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.parameters: Mapping[str, Parameter] = {
            name: _parameter(name, table) for name, table in document["Parameters"].items()
        }

    @classmethod
    def load(cls, path: Path = DEPLOY / "template.yaml") -> "Template":
        """Read the package's own template, or another of the same form."""
        return cls(yaml.load(path.read_text(encoding="utf-8"), _Loader))  # noqa: S506 - a safe loader

    def named(self, name: str, origin: str) -> Parameter:
        """Return the parameter of that name; else `ConfigurationError` says which there are."""
        if name == "Stage":
            raise ConfigurationError(f"{origin}: Stage has a flag of its own.", hint="Give --stage.")
        if name not in self.parameters:
            raise ConfigurationError(
                f"{origin}: the stack has no parameter {name}.",
                hint=f"It has {', '.join(sorted(set(self.parameters) - {'Stage'}))}.",
            )
        return self.parameters[name]

    def handed_to_sam(self, *, code: Path, cors_allow_origin: str, build_method: str | None = None) -> str:
        """Return the copy that SAM gets, as JSON: the code's folder is ready, unless SAM is to build it."""
        document = copy.deepcopy(dict(self._document))
        function = document["Resources"][FUNCTION]
        function["Properties"]["CodeUri"] = str(code)
        function["Metadata"] = {"BuildMethod": build_method} if build_method else {"SkipBuild": True}
        api = document["Resources"]["TriggersApi"]
        api["Properties"] = _written_out(api["Properties"], "CorsAllowOrigin", cors_allow_origin)
        return json.dumps(document, indent=1)

    def properties_of(self, logical_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the properties of resources, by logical id."""
        return {name: self._document["Resources"][name]["Properties"] for name in logical_ids}

    def resolved(self, logical_id: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return a resource's properties for a stack with these parameters; the others have their defaults.

        A reference to a table or a log group is its name. The function has what `Globals` says, too. What
        needs an ARN or a condition stays as it is written.
        """
        resources = self._document["Resources"]
        properties: Any = resources[logical_id]["Properties"]
        if logical_id == FUNCTION:
            properties = {**self._document["Globals"]["Function"], **properties}
        named = {name: _name_of(one) for name, one in resources.items() if _name_of(one)}
        defaults = {name: one.default for name, one in self.parameters.items()}
        for name, text in {**named, **defaults, **parameters}.items():
            properties = _written_out(properties, name, text)
        found: dict[str, Any] = _substituted(properties)
        return found

    def tables_only(self, tables: Mapping[str, Mapping[str, Any]]) -> str:
        """Return the template cut to tables with these properties, as JSON: what an import may contain."""
        document = {
            name: self._document[name] for name in ("AWSTemplateFormatVersion", "Description", "Parameters")
        }
        document["Resources"] = {
            name: {**self._document["Resources"][name], "Properties": dict(properties)}
            for name, properties in tables.items()
        }
        return json.dumps(document, indent=1)


def _written_out(value: Any, parameter: str, text: str) -> Any:
    """Return a part of the template in which a parameter's value stands in its place."""
    if isinstance(value, dict):
        if value == {"Ref": parameter}:
            return text
        return {name: _written_out(one, parameter, text) for name, one in value.items()}
    if isinstance(value, list):
        return [_written_out(one, parameter, text) for one in value]
    return value.replace(f"${{{parameter}}}", text) if isinstance(value, str) else value


def _name_of(resource: Mapping[str, Any]) -> str:
    """Return the name that a resource is given, in which parameters may stand; nothing where it has none."""
    properties = resource.get("Properties", {})
    name = properties.get("TableName") or properties.get("LogGroupName") or {}
    return str(name.get("Fn::Sub", "")) if isinstance(name, Mapping) else str(name)


def _substituted(value: Any) -> Any:
    """Return a part of the template in which the text of an `Fn::Sub` stands for it."""
    if isinstance(value, dict):
        if isinstance(text := value.get("Fn::Sub"), str):
            return text
        return {name: _substituted(one) for name, one in value.items()}
    return [_substituted(one) for one in value] if isinstance(value, list) else value


def _parameter(name: str, table: Mapping[str, Any]) -> Parameter:
    allowed = tuple(str(one) for one in table.get("AllowedValues", ()))
    is_range = table["Type"] == "Number" and not allowed
    return Parameter(
        name=name,
        description=table["Description"],
        default=str(table["Default"]),
        allowed=allowed,
        pattern=table.get("AllowedPattern", ".*"),
        constraint=table.get("ConstraintDescription", "a text"),
        bounds=(table["MinValue"], table["MaxValue"]) if is_range else None,
    )


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is `{"Ref": X}`, `!Sub X` is `{"Fn::Sub": X}`."""


def _short_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
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


_Loader.add_multi_constructor("!", _short_form)
