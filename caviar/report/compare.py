"""Several sweeps side by side: best so far of each, and what differed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from caviar.base.errors import UsageError
from caviar.base.format import duration, number
from caviar.report.drawing import Figure, Trace, axis, compacted, figure, text, unit_of_time
from caviar.report.facts import Facts, gather
from caviar.report.figures_time import best_so_far
from caviar.report.page import Page, Section
from caviar.report.verdict import Verdict, hours, verdict
from caviar.report.workers import schedule
from caviar.store import layout
from caviar.store.experiments import Experiment
from caviar.store.session import Session
from caviar.sweep import codec, rerun
from search_spaces.text import show

_COLOURS = tuple(f"--line-{n}" for n in range(1, 7))
_DASHES = ("solid", "dash", "dot")
"""Another dash where the colours begin again."""
_OF_ITS_RUN = frozenset({"name", "storage", "resume", "verbose", "data_dir"})
"""Options that say where a sweep ran and lay, not what it did."""


def write(experiments: Sequence[Experiment], path: Path) -> Path:
    """Write the comparison to `path`.

    Raises `UsageError` where the sweeps optimise different things, `OSError` where it cannot be
    written.
    """
    every = [gather(experiment) for experiment in experiments]
    layout.write_text(page(every).html(), path)
    return path


def page(every: Sequence[Facts]) -> Page:
    """The comparison of two sweeps or more."""
    goals = {facts.objective for facts in every}
    if len(goals) > 1:
        goals_of = ", ".join(f"{facts.name} has {facts.goal}" for facts in every)
        raise UsageError(f"Only sweeps with the same goal can be compared, and {goals_of}.")
    named = dict(zip(names(every), every, strict=True))
    made = Page(
        title=" · ".join(named),
        subtitle=f"{len(named)} sweeps, {every[0].goal}",
        footer=f"Written {time.strftime('%Y-%m-%d %H:%M')}",
    )
    parts: list[tuple[str, str, Callable[[Mapping[str, Facts], Section], None]]] = [
        ("verdict", "Verdict", _verdict),
        ("progress", "Best so far", _progress),
        ("differences", "What differed", _differences),
        ("spaces", "Search spaces", _spaces),
        ("configurations", "Best configurations", _configurations),
    ]
    for name, title, fill in parts:
        fill(named, made.section(name, title))
    return made


def names(every: Sequence[Facts]) -> list[str]:
    """What to call each sweep: its name, its folder where two have one name."""
    short = [facts.name for facts in every]
    return [f.folder if short.count(f.name) > 1 else f.name for f in every]


def _verdict(named: Mapping[str, Facts], section: Section) -> None:
    verdicts = {name: _verdict_of(facts) for name, facts in named.items()}
    first = next(iter(named.values()))
    scored = {name: one for name, one in verdicts.items() if one is not None}
    best = first.objective.ranked({name: one.score for name, one in scored.items()})
    section.text(_sentence(best, scored, first), "lead")
    rows = []
    for name, facts in named.items():
        one = verdicts[name]
        rows.append(
            [
                name,
                facts.recipe,
                str(facts.state),
                "–" if one is None else f"{one.score:.4f}",
                "–" if one is None or one.spread is None else f"{one.spread:.2g}",
                "–" if facts.baseline is None else f"{facts.baseline:.4f}",
                len(facts.trials),
                facts.trials.epochs,
                "–" if one is None or one.device_hours is None else hours(one.device_hours),
                duration(facts.seconds),
            ]
        )
    headings = ["sweep", "recipe", "state", first.metric, "spread", "default"]
    headings += ["trials", "epochs", "device-hours", "time"]
    mark = {list(named).index(best[0]): "best"} if best else None
    section.table(headings, rows, mark=mark)


def _sentence(best: Sequence[str], scored: Mapping[str, Verdict], first: Facts) -> str:
    if not best:
        return f"No sweep has a finite {first.metric} yet."
    if len(best) == 1:
        return f"Only {best[0]} has a finite {first.metric}: {scored[best[0]].score:.4f}."
    top, second = (scored[name] for name in best[:2])
    gap = abs(top.score - second.score)
    if gap == 0:
        return f"{best[0]} and {best[1]} have the same best {first.metric}, {top.score:.4f}."
    sentence = (
        f"{best[0]} has the best {first.metric}, {top.score:.4f}: {gap:.4f} better than {best[1]}"
    )
    if top.spread is None or second.spread is None:
        return f"{sentence}. At least one of the two was not checked with several seeds."
    return f"{sentence}; the spreads over seeds are {top.spread:.2g} and {second.spread:.2g}."


def _verdict_of(facts: Facts) -> Verdict | None:
    return verdict(facts, schedule(facts.trials, facts.sessions))


def _progress(named: Mapping[str, Facts], section: Section) -> None:
    section.show(
        {
            "best-by-time": (progress(named, by="time"), "best so far against time"),
            "best-by-epochs": (progress(named, by="epochs"), "best so far against epochs"),
        },
        "pair",
    )


def progress(named: Mapping[str, Facts], *, by: str) -> Figure:
    """Best so far of each sweep against time (`by="time"`) or epochs."""
    unit, seconds = unit_of_time(max(facts.seconds for facts in named.values()))
    data: list[Trace] = []
    for index, (name, facts) in enumerate(named.items()):
        steps = best_so_far(facts)
        if not steps:
            continue
        last = facts.seconds / seconds if by == "time" else float(facts.trials.epochs)
        x = [report.at / seconds if by == "time" else float(epochs) for report, _, epochs in steps]
        y = [report.metrics[facts.metric] for report, _, _ in steps]
        data.append(
            {
                "type": "scatter",
                "name": text(name),
                "x": compacted([*x, last]),
                "y": compacted([*y, y[-1]]),
                "mode": "lines",
                "line": {
                    "shape": "hv",
                    "width": 2.5,
                    "color": _COLOURS[index % len(_COLOURS)],
                    "dash": _DASHES[index // len(_COLOURS) % len(_DASHES)],
                },
            }
        )
    metric = next(iter(named.values())).metric
    title = f"time ({unit})" if by == "time" else "epochs trained, over all trials"
    return figure(
        data, height=360, xaxis=axis(title, rangemode="tozero"), yaxis=axis(metric), showlegend=True
    )


def differences(named: Mapping[str, Facts]) -> dict[str, list[str]]:
    """What was not the same everywhere: an option or a version, and its value in each sweep."""
    every: list[dict[str, object]] = []
    for facts in named.values():
        options = codec.describe(facts.options)
        flat: dict[str, object] = {"recipe": facts.recipe}
        for name, value in options.items():
            if name in ("searcher", "scheduler"):
                flat[name] = value["name"]
                flat |= {f"{name}.{part}": v for part, v in value.items() if part != "name"}
            elif name not in _OF_ITS_RUN:
                flat[name] = value
        last = facts.sessions[-1] if facts.sessions else Session()
        flat["data"] = last.data
        flat["git commit"] = None if last.git is None else str(last.git)
        flat["machine"] = last.host
        flat |= last.versions
        every.append(flat)
    keys = dict.fromkeys(key for one in every for key in one)
    rows = {key: [one.get(key) for one in every] for key in keys}
    return {
        key: _told_apart(values)
        for key, values in rows.items()
        if any(value != values[0] for value in values)
    }


def _told_apart(values: Sequence[object]) -> list[str]:
    """As text; in full where they differ only in digits that are not shown."""
    texts = [_value(value) for value in values]
    return texts if len(set(texts)) > 1 else [repr(value) for value in values]


def _value(value: object) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, float) else show(value)


def _differences(named: Mapping[str, Facts], section: Section) -> None:
    rows = differences(named)
    if rows:
        section.table(["what", *named], [[key, *values] for key, values in rows.items()])
    else:
        section.text("Options, data and versions were the same.")
    for name, facts in named.items():
        command = rerun.command(facts.recipe, facts.options)
        section.text(f"{name}: {command or 'started from Python'}", "code")


def space_differences(named: Mapping[str, Facts]) -> dict[str, list[str]]:
    """The parameters that were not the same everywhere, and what each sweep searched of them."""
    spaces = [facts.space for facts in named.values()]
    keys = dict.fromkeys(name for space in spaces for name in space.names)
    rows = {}
    for key in keys:
        texts = []
        for space in spaces:
            if key not in space:
                texts.append("–")
                continue
            parameter = space[key]
            extent, scale = parameter.describe()
            when = f", when {parameter.when}" if parameter.when else ""
            texts.append(f"{extent} ({scale}), default {_value(parameter.default)}{when}")
        if len(set(texts)) > 1:
            rows[key] = texts
    return rows


def _spaces(named: Mapping[str, Facts], section: Section) -> None:
    rows = space_differences(named)
    if rows:
        section.table(["parameter", *named], [[key, *values] for key, values in rows.items()])
    else:
        section.text("All searched the same space.")


def _configurations(named: Mapping[str, Facts], section: Section) -> None:
    configs = {
        name: facts.winner.config if facts.winner is not None else {}
        for name, facts in named.items()
    }
    keys = dict.fromkeys(key for config in configs.values() for key in config)
    rows = [[key, *(_value(config.get(key)) for config in configs.values())] for key in keys]
    section.table(["parameter", *named], rows)
