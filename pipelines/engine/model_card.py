"""The model card of an exported model: what it is, and how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.engine import same_again
from pipelines.engine.experiments import Experiment
from pipelines.engine.sweep import Sweep
from pipelines.engine.words import number

_BUILDERS = {
    "trainables:TorchTrainable": "build_mlp",
    "trainables:CNNTrainable": "build_cnn",
    "trainables:ResNetTrainable": "build_resnet",
}


def write(found: Mapping[str, Any], experiment: Experiment, sweep: Sweep) -> str:
    """The card as markdown.

    Args:
        found: what ``configuration.json`` holds.
        experiment: the sweep.
        sweep: its options.
    """
    command = same_again.command(experiment.recipe, sweep)
    rows = {"train": "the training rows", "train+val": "the training and the validation rows"}
    shape = ", ".join(map(str, found["input_shape"]))
    parts = [
        f"# {experiment.name}, trial {found['trial']}",
        f"A classifier of {found['classes']} classes, found by a hyperparameter sweep and trained "
        f"on {rows[found['trained_on']]}; the weights are those of epoch {found['epoch']}.",
        f"- data: {found['data']}\n- input: float32 [n, {shape}]"
        f"{_values(found)}\n- output: logits [n, {found['classes']}]\n- license: choose one",
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
    if found["standardises_itself"]:
        return ", with the values of the data set (images: 0 … 1)"
    if found["standardise"]:
        return ", standardised: minus `subtract`, times `multiply` of `configuration.json`"
    return ", with the values of the data set (images: 0 … 1)"


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
    build = f'{builder}(about["hyperparameters"], about["input_shape"], about["classes"])'
    imports = f"from trainables.models import {builder}\n"
    if builder is None:
        build = f"...  # as build_model of {found['trainable']} does"
        imports = ""
    return (
        f"import json\n\nimport torch\n{imports}\n"
        f'about = json.load(open("configuration.json"))\nmodel = {build}\n'
        f'model.load_state_dict(torch.load("{found["file"]}", weights_only=True))\n'
        "logits = model.eval()(rows)"
    )


def _table(head: Mapping[str, str], rows: Mapping[str, Any]) -> str:
    lines = [f"| {left} | {right} |\n| --- | --- |" for left, right in head.items()]
    lines += [f"| {name} | {number(value)} |" for name, value in rows.items()]
    return "\n".join(lines)
