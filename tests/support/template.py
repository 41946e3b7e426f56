"""The stack's template, read independently of the product, with its functions resolved."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
PATH = DEPLOY / "template.yaml"


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms, and without a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        assert len(mapping) == len(node.value), f"a key stands twice: {node.start_mark}"
        return mapping


def _long_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        return {f"Fn::{name}": loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode)
    text = str(loader.construct_scalar(node))
    if name in {"Ref", "Condition"}:
        return {name: text}
    return {f"Fn::{name}": text.split(".", 1) if name == "GetAtt" else text}


_Loader.add_multi_constructor("!", _long_form)


def load() -> dict[str, Any]:
    """Return the template, its functions in the long form: `{"Ref": "Stage"}`."""
    document: dict[str, Any] = yaml.load(PATH.read_text(encoding="utf-8"), _Loader)
    return document


class Stack:
    """The template with the given parameters. The others have their defaults."""

    def __init__(self, **parameters: str) -> None:
        self.document = load()
        defaults = {name: str(one["Default"]) for name, one in self.document["Parameters"].items()}
        assert parameters.keys() <= defaults.keys()
        self._parameters = defaults | parameters

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources whose condition holds."""
        return {
            name: resource
            for name, resource in self.document["Resources"].items()
            if "Condition" not in resource or self._holds(self.document["Conditions"][resource["Condition"]])
        }

    def value(self, part: Any) -> Any:
        """Return a part of the template with its functions carried out."""
        match part:
            case {"Ref": name}:
                return self._named(name)
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{(\w+)\}", lambda found: self._named(found[1]), text)
            case Mapping():
                return {name: self.value(one) for name, one in part.items()}
            case list():
                return [self.value(one) for one in part]
            case _:
                return part

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        match condition:
            case {"Fn::Not": [other]}:
                return not self._holds(other)
            case {"Fn::Or": others}:
                return any(map(self._holds, others))
            case {"Fn::And": others}:
                return all(map(self._holds, others))
            case {"Condition": name}:
                return self._holds(self.document["Conditions"][name])
            case {"Fn::Equals": [one, other]}:
                return bool(self.value(one) == self.value(other))
        raise AssertionError(condition)

    def _named(self, name: str) -> str:
        if name in self._parameters:
            return self._parameters[name]
        return str(self.value(self.document["Resources"][name]["Properties"]["TableName"]))
