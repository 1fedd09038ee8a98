"""The figures of the sweep as it went: best so far, learning curves, the workers' schedule."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.base.format import how_it_ended
from caviar.base.trial import Outcome, Report, TrialRecord
from caviar.base.trials import BASELINE, CANNOT_WIN
from caviar.report.drawing import (
    BEST,
    COLOURS,
    DEFAULT,
    INK,
    MUTED,
    Figure,
    Trace,
    axis,
    compact,
    compacted,
    figure,
    gathered,
    unit_of_time,
    visible_range,
)
from caviar.report.facts import Facts
from caviar.report.optuna_figures import intermediate_values
from caviar.report.workers import Schedule


def best_so_far(facts: Facts) -> list[tuple[Report, int, int]]:
    """Each report that was the best until then, with its trial and the epochs trained by then.

    Of failed and diverged trials nothing counts: they cannot win.
    """
    reports = sorted(
        (report.order, number, report)
        for number, record in facts.trials.items()
        for report in record.reports
    )
    best: float | None = None
    found = []
    for epochs, (_, number, report) in enumerate(reports, start=1):
        value = facts.objective.of(report.metrics)
        can_win = facts.trials[number].outcome not in CANNOT_WIN
        if can_win and facts.objective.better(value, best):
            best = value
            found.append((report, number, epochs))
    return found


def good_half(facts: Facts) -> list[float] | None:
    """The range of the metric's axis in which the better half of the trials end, and the default.

    What matters happens there; the start of a curve, and the worse half, may be outside.
    """
    shown = visible_range(list(facts.scores().values()), objective=facts.objective, left_out=0.5)
    if shown is None or facts.baseline is None:
        return shown
    room = 0.05 * (shown[1] - shown[0])
    return [min(shown[0], facts.baseline - room), max(shown[1], facts.baseline + room)]


def progress(facts: Facts, *, by: str) -> Figure:
    """Best so far against time (`by="time"`) or epochs, beside the default's line."""
    steps = best_so_far(facts)
    unit, seconds = unit_of_time(facts.seconds)
    last = facts.seconds / seconds if by == "time" else float(facts.trials.epochs)
    x = [report.at / seconds if by == "time" else float(epochs) for report, _, epochs in steps]
    y = [report.metrics[facts.metric] for report, _, _ in steps]
    trials = [trial for _, trial, _ in steps]
    data: list[Trace] = []
    if steps:
        data.append(
            {
                "type": "scatter",
                "name": "best so far",
                "x": compacted([*x, last]),
                "y": compacted([*y, y[-1]]),
                "customdata": [*trials, trials[-1]],
                "mode": "lines+markers",
                "line": {"shape": "hv", "color": BEST, "width": 2.5},
                "marker": {"size": 5},
                "hovertemplate": f"trial %{{customdata}}<br>{facts.metric} %{{y}}<extra></extra>",
            }
        )
    if facts.baseline is not None:
        data.append(
            {
                "type": "scatter",
                "name": "default configuration",
                "x": compacted([0.0, last]),
                "y": compacted([facts.baseline] * 2),
                "mode": "lines",
                "line": {"color": DEFAULT, "dash": "dash", "width": 2},
                "hovertemplate": f"default<br>{facts.metric} %{{y}}<extra></extra>",
            }
        )
    title = f"time ({unit})" if by == "time" else "epochs trained, over all trials"
    return figure(
        data,
        height=320,
        xaxis=axis(title, rangemode="tozero"),
        yaxis=axis(facts.metric, range=good_half(facts)),
    )


def curves(facts: Facts) -> Figure:
    """All learning curves by outcome, ended where the trial ended; the rungs as lines."""
    winner = facts.winner
    data = []
    for outcome in (
        Outcome.STOPPED_EARLY,
        Outcome.COMPLETED,
        Outcome.DIVERGED,
        Outcome.FAILED,
        Outcome.RUNNING,
    ):
        records = [r for r in facts.trials.values() if r.outcome is outcome]
        records = [r for r in records if r.curve(facts.metric)]
        if records:
            data += _curves(facts, outcome, records)
    default = facts.trials.get(BASELINE)
    for name, record, look in (
        ("best", winner, {"color": BEST, "dash": "solid"}),
        ("default", None if default is winner else default, {"color": DEFAULT, "dash": "dash"}),
    ):
        if record is None:
            continue
        points = sorted(record.curve(facts.metric).items())
        data.append(
            {
                "type": "scatter",
                "name": f"{name} (trial {record.number})",
                "x": [epoch for epoch, _ in points],
                "y": compacted(value for _, value in points),
                "mode": "lines+markers",
                "line": {"width": 3, **look},
                "marker": {"size": 5},
                "hovertemplate": f"{name}, trial {record.number}<br>epoch %{{x}}<br>"
                f"{facts.metric} %{{y}}<extra></extra>",
            }
        )
    rungs = [
        {
            "type": "line",
            "x0": epoch,
            "x1": epoch,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": MUTED, "dash": "dot", "width": 1.5},
            "layer": "below",
        }
        for epoch in facts.rungs
    ]
    labels = [
        {
            "x": epoch,
            "y": 0,
            "yref": "paper",
            "yanchor": "bottom",
            "xanchor": "left",
            "text": "rung",
            "textangle": -90,
            "showarrow": False,
            "font": {"size": 10, "color": MUTED},
        }
        for epoch in facts.rungs
    ]
    return figure(
        data,
        height=460,
        xaxis=axis("epoch", rangemode="tozero"),
        yaxis=axis(facts.metric, range=good_half(facts)),
        shapes=rungs,
        annotations=labels,
    )


def _curves(facts: Facts, outcome: Outcome, records: Sequence[TrialRecord]) -> list[Trace]:
    """One trace for all curves of an outcome, one for where they end."""
    lines = intermediate_values(records, facts.metric)
    ends: list[tuple[int, float, int]] = []
    for line, record in zip(lines, records, strict=True):
        shown = zip(line["x"], compacted(line["y"]), strict=True)
        known = [(epoch, value) for epoch, value in shown if value is not None]
        if known:
            ends.append((*known[-1], record.number))
    name = f"{how_it_ended(outcome)} ({len(records)})"
    hover = (
        f"trial %{{customdata}}, {how_it_ended(outcome)}<br>epoch %{{x}}<br>%{{y}}<extra></extra>"
    )
    opacity = 0.75 if len(records) <= 60 else 0.5
    width = 1.3 if len(records) <= 60 else 0.6
    colour = COLOURS[outcome]
    return [
        {
            **gathered(lines, [record.number for record in records]),
            "name": name,
            "legendgroup": outcome.value,
            "line": {"color": colour, "width": width},
            "opacity": opacity,
            "hovertemplate": hover,
            "connectgaps": False,
        },
        {
            "type": "scatter",
            "name": name,
            "legendgroup": outcome.value,
            "showlegend": False,
            "x": [epoch for epoch, _, _ in ends],
            "y": [value for _, value, _ in ends],
            "customdata": [number for _, _, number in ends],
            "mode": "markers",
            "marker": {
                "color": colour,
                "size": 5 if outcome in (Outcome.COMPLETED, Outcome.STOPPED_EARLY) else 8,
                "symbol": "x" if outcome in (Outcome.FAILED, Outcome.DIVERGED) else "circle",
                "opacity": 0.8,
            },
            "hovertemplate": hover,
        },
    ]


def workers(facts: Facts, schedule: Schedule) -> Figure:
    """Which worker ran which trial when, coloured by how the trial ended."""
    unit, seconds = unit_of_time(facts.seconds)
    gap = 0.6 if len(schedule.spans) <= 200 else 0  # a gap beside each of many would look idle
    data = []
    for outcome in Outcome:
        spans = [s for s in schedule.spans if facts.trials[s.trial].outcome is outcome]
        if spans:
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": how_it_ended(outcome),
                    "y": [span.lane + 1 for span in spans],
                    "base": compacted(span.start / seconds for span in spans),
                    "x": compacted((span.end - span.start) / seconds for span in spans),
                    "customdata": [[s.trial, facts.trials[s.trial].epoch] for s in spans],
                    "marker": {
                        "color": COLOURS[outcome],
                        "line": {"width": gap, "color": "--paper"},
                    },
                    "hovertemplate": "trial %{customdata[0]}, " + how_it_ended(outcome) + "<br>"
                    f"%{{customdata[1]}} epochs, %{{x}} {unit}<extra></extra>",
                }
            )
    lanes = max(1, schedule.lanes)
    starts = [one.begin / seconds for one in facts.sessions[1:]]
    return figure(
        data,
        height=110 + min(40 * lanes, 700),
        barmode="overlay",
        bargap=0.15,
        xaxis=axis(f"time ({unit})", rangemode="tozero"),
        yaxis=axis("worker", dtick=max(1, lanes // 12), range=[lanes + 0.6, 0.4]),
        shapes=[
            {
                "type": "line",
                "x0": compact(at),
                "x1": compact(at),
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": INK, "dash": "dot", "width": 1},
            }
            for at in starts
        ],
    )
