"""Spaces to and from JSON."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.collection import Space
from search_spaces.conditions import condition_from_json
from search_spaces.parameters import Choice, Fixed, Float, Int, Parameter
from search_spaces.text import as_json, did_you_mean

FORMAT = 1
_KINDS: dict[str, type[Float] | type[Int] | type[Choice] | type[Fixed]] = {
    kind.kind: kind for kind in (Float, Int, Choice, Fixed)
}


def to_json(space: Space) -> dict[str, Any]:
    """The whole space as JSON types: a format number, the name, the parameters in order."""
    return {
        "format": FORMAT,
        "name": space.name,
        "parameters": [_entry(parameter) for parameter in space.parameters],
    }


def _entry(parameter: Parameter) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": parameter.kind}
    for field in dataclasses.fields(parameter):
        if field.init and field.name != "when":
            entry[field.name] = as_json(getattr(parameter, field.name))
    entry["when"] = parameter.when.to_json() if parameter.when else None
    return dict(sorted(entry.items()))


def from_json(data: object) -> tuple[str, list[Parameter]]:
    """Name and parameters that `to_json` wrote; ValueError, naming the parameter, otherwise."""
    if not isinstance(data, Mapping) or not {"format", "name", "parameters"} <= set(data):
        raise ValueError(f"a saved space has format, name and parameters, got {_start(data)}")
    if data["format"] != FORMAT:
        raise ValueError(f"the format of a saved space must be {FORMAT}, got {data['format']!r}")
    if not isinstance(data["parameters"], list):
        raise ValueError(f"parameters must be a list, got {_start(data['parameters'])}")
    return data["name"], [_parameter(entry) for entry in data["parameters"]]


def _start(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _parameter(entry: object) -> Parameter:
    if not isinstance(entry, Mapping):
        raise ValueError(f"a saved parameter has kind, name and its range, got {_start(entry)}")
    told = dict(entry)
    kind = told.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"a parameter's kind is one of {', '.join(_KINDS)}, got {kind!r}")
    fields = [field.name for field in dataclasses.fields(_KINDS[kind]) if field.init]
    for name in told:
        if name not in fields:
            raise ValueError(
                f"{told.get('name')}: a {kind} has no {name!r}: {did_you_mean(name, fields)}"
            )
    if told.get("when") is not None:
        told["when"] = condition_from_json(told["when"])
    try:
        return _KINDS[kind](**told)
    except TypeError as error:
        raise ValueError(f"{told.get('name')}: {error}") from None


def save(space: Space, path: str | Path) -> None:
    """Write a JSON file that a person can read and a later sweep can load."""
    text = json.dumps(to_json(space), indent=2, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read(path: str | Path) -> object:
    """The JSON of a file that `save` wrote; ValueError where it is none."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
