"""The model card of an exported model: what it is, and how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from caviar.base.format import number
from caviar.store.experiments import Experiment
from caviar.sweep import rerun
from caviar.sweep.sweep import Sweep

_MOST = 30
"""Labels, columns and words that a card names; more are in `configuration.json` alone."""
_BUILDERS = {
    "trainables:TorchTrainable": "build_mlp",
    "trainables:CNNTrainable": "build_cnn",
    "trainables:ResNetTrainable": "build_resnet",
}


def write(found: Mapping[str, Any], experiment: Experiment, sweep: Sweep) -> str:
    """The card as markdown.

    Args:
        found: what `configuration.json` holds.
        experiment: the sweep.
        sweep: its options.
    """
    command = rerun.command(experiment.recipe, sweep)
    rows = {"train": "the training rows", "train+val": "the training and the validation rows"}
    shape = ", ".join(map(str, found["input_shape"]))
    parts = [
        f"# {experiment.name}, trial {found['trial']}",
        f"A classifier of {found['classes']} classes, found by a hyperparameter sweep and trained "
        f"on {rows[found['trained_on']]}; the weights are those of epoch {found['epoch']}.",
        f"- data: {found['data']}\n- input: float32 [n, {shape}]{_values(found)}\n"
        f"- output: logits [n, {found['classes']}]{_labels(found)}\n- license: choose one",
        _columns(found),
        "## Scores",
        _scores(found),
        "## Load it",
        f"```python\n{_code(found)}\n```",
        "## Configuration",
        _table({"hyperparameter": "value"}, found["hyperparameters"]),
        f"Trained by `{found['trainable']}` with the seed {found['seed']}, searched in the space "
        f"`{experiment.space.name}`.",
        "## The sweep" if command else "",
        f"```\n{command}\n```" if command else "",
        "## Versions",
        _table({"package": "version"}, found["versions"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _values(found: Mapping[str, Any]) -> str:
    said = ", with the values of the data set"
    if found["columns"] is not None:
        said = ", made of the columns below"
    elif len(found["input_shape"]) > 1:
        said += " (images: 0 … 1)"
    if found["standardise"] and not found["standardises_itself"]:
        said += ", standardised: minus `subtract`, times `multiply` of `configuration.json`"
    if found["prepares_data"]:
        said += f", then as prepare_data of `{found['trainable']}` makes them"
    return said


def _labels(found: Mapping[str, Any]) -> str:
    labels = found["labels"]
    if labels is None:
        return ""
    if len(labels) > _MOST:
        return "; the largest is the class, whose label is in `labels` of `configuration.json`"
    named = ", ".join(f"{index} {label}" for index, label in enumerate(labels))
    return f"; the largest is the class: {named}"


def _columns(found: Mapping[str, Any]) -> str:
    """How a row of a table becomes inputs; nothing for other data."""
    columns = found["columns"]
    if columns is None:
        return ""
    said = (
        "A row of the table becomes inputs column by column, in the order of `columns` of "
        "`configuration.json`. A number is one input; where it is missing, `missing` stands for "
        "it. A column of words is as many inputs as it has `words`: 1 for that of the row and 0 "
        "for the others, all 0 where it is missing or another one."
    )
    if len(columns) > _MOST:
        return said
    inputs = {
        column["name"]: f"words: {', '.join(column['words'][:_MOST])}"
        + (" …" if len(column["words"]) > _MOST else "")
        if column["kind"] == "words"
        else f"number, missing {number(column['missing'])}"
        for column in columns
    }
    return f"{said}\n\n{_table({'column': 'inputs'}, inputs)}"


def _scores(found: Mapping[str, Any]) -> str:
    shown = {
        name: value
        for name, value in found["metrics"].items()
        if not name.endswith(("epoch", "seconds", "per_second"))
    }
    test = {f"test_{name}": value for name, value in (found["test"] or {}).items()}
    table = _table({"metric": "value"}, {**shown, **test})
    if test:
        return table
    return f"{table}\n\nThe test rows were not looked at: `caviar retrain` does so, once."


def _code(found: Mapping[str, Any]) -> str:
    if found["format"] == "torchscript":
        return f'import torch\n\nmodel = torch.jit.load("{found["file"]}")\nlogits = model(rows)'
    if found["format"] == "torch_export":
        return (
            f'import torch\n\nmodel = torch.export.load("{found["file"]}").module()\n'
            "logits = model(rows)"
        )
    builder = _BUILDERS.get(found["trainable"])
    given = '(about["hyperparameters"], about["input_shape"], about["classes"])'
    build = f"model = {builder}{given}"
    imports = f"from trainables.models import {builder}\n"
    if builder is None:
        build = (
            "# Build model here, as build_model of "
            f"{found['trainable']} does\n# of {given.strip('()')}."
        )
        imports = ""
    return (
        f"import json\n\nimport torch\n{imports}\n"
        f'about = json.load(open("configuration.json"))\n{build}\n'
        f'model.load_state_dict(torch.load("{found["file"]}", weights_only=True))\n'
        "logits = model.eval()(rows)"
    )


def _table(head: Mapping[str, str], rows: Mapping[str, Any]) -> str:
    lines = [f"| {left} | {right} |\n| --- | --- |" for left, right in head.items()]
    lines += [f"| {name} | {number(value)} |" for name, value in rows.items()]
    return "\n".join(lines)
