"""The sections of the report about what the search found."""

from __future__ import annotations

from caviar.base.format import duration, how_it_ended
from caviar.base.trial import Outcome
from caviar.report import figures_space, figures_time
from caviar.report.findings import Findings, shown
from caviar.report.importance import LEAST_TRIALS, agreement
from caviar.report.landscape import edges
from caviar.report.page import Section
from caviar.report.verdict import Verdict
from search_spaces import Choice


def verdict(findings: Findings, section: Section) -> None:
    """What won, by how much, at what cost, and what to do next."""
    facts, verdict = findings.facts, findings.verdict
    if verdict is None:
        section.text(f"No trial has reported a finite {facts.metric} yet.", "lead")
    else:
        section.text(verdict.sentence, "lead")
        gain = "–"
        if verdict.gain is not None and verdict.trial != 0:
            gain = f"{verdict.score - (verdict.baseline or 0):+.4f}"
        spent = duration(verdict.seconds)
        cards = [
            {"name": facts.metric, "value": f"{verdict.score:.4f}", "more": verdict.checked},
            {"name": "against the default", "value": gain, "more": _default(verdict)},
            {"name": "cost", "value": spent, "more": verdict.cost},
            {
                "name": "best epoch",
                "value": f"{verdict.epoch} of {facts.options.max_epochs}",
                "more": f"trial {verdict.trial}",
            },
        ]
        section.blocks.append({"kind": "cards", "cards": cards})
    if findings.advice:
        section.blocks.append({"kind": "advice", "advice": findings.advice})
    elif verdict is not None:
        section.text("Nothing in this sweep calls for a change of the next one.", "note")
    if verdict is not None and verdict.trial != 0:
        default = facts.trials[0].config if 0 in facts.trials else {}
        names = [n for n in dict.fromkeys([*verdict.config, *default]) if n not in verdict.changes]
        gone = [name for name in names if name not in verdict.config]
        section.table(
            ["parameter", "best", "default"],
            [
                [name, shown(verdict.config, name), shown(default, name)]
                for name in [*verdict.changes, *gone]
            ],
            caption="What the best configuration changes",
        )
        same = [f"{name} {shown(default, name)}" for name in names if name not in gone]
        if same:
            section.text(f"As in the default: {', '.join(same)}.", "note")


def _default(verdict: Verdict) -> str:
    if verdict.trial == 0:
        return "nothing beat it"
    if verdict.chance is None:
        return f"the default has {verdict.default}"
    where = "beyond" if verdict.beyond_chance else "within"
    return f"{where} the noise of the seeds; the default has {verdict.default}"


def progress(findings: Findings, section: Section) -> None:
    """The best value so far."""
    facts = findings.facts
    if not figures_time.best_so_far(facts):
        section.text("No epoch has been reported yet.", "note")
        return
    section.show(
        {
            "best-by-time": (figures_time.progress(facts, by="time"), "best so far against time"),
            "best-by-epochs": (
                figures_time.progress(facts, by="epochs"),
                "best so far against epochs",
            ),
        },
        "pair",
    )


def curves(findings: Findings, section: Section) -> None:
    """All learning curves."""
    facts = findings.facts
    if not facts.trials.epochs:
        section.text("No epoch has been reported yet.", "note")
        return
    counts = [
        f"{facts.trials.count(o)} {how_it_ended(o)}" for o in Outcome if facts.trials.count(o)
    ]
    rungs = ", ".join(map(str, facts.rungs))
    text = f"{', '.join(counts)}. "
    if rungs:
        which = "epoch" if len(facts.rungs) == 1 else "epochs"
        text += f"Trials were judged at {which} {rungs}, the dotted lines. "
    text += (
        "A click on a name in the legend switches it off, a double click all others. The worse "
        "half of the trials may lie outside; a double click into the picture shows all."
    )
    section.text(text, "note")
    label = "learning curves of all trials"
    section.show({"learning-curves": (figures_time.curves(facts), label)})


def parallel(findings: Findings, section: Section) -> None:
    """Every trial as a line through its values."""
    facts = findings.facts
    if not facts.scores() or not facts.space.searched:
        section.text("No trial has a score yet.", "note")
        return
    section.text(
        "One line a trial, through its values, each on its parameter's own scale. "
        "Lines below an axis: the parameter took no part.",
        "note",
    )
    picture = figures_space.parallel(facts, findings.importances)
    section.show({"parallel-coordinates": (picture, "parallel coordinates")}, "wide")


def importance(findings: Findings, section: Section) -> None:
    """How much each hyperparameter mattered."""
    found = findings.importances
    if not found:
        text = (
            f"Importances need {LEAST_TRIALS} trials that have ended and do not all rank the same."
        )
        section.text(text, "note")
        return
    agreed = agreement(found)
    pairs = agreed.confirmed + len(agreed.contradicted) + agreed.unclear
    if pairs:
        text = (
            f"Of the {pairs} pairs that the documents put in an order, this sweep confirms "
            f"{agreed.confirmed} beyond its error, contradicts {len(agreed.contradicted)}, and "
            f"cannot tell for {agreed.unclear}."
        )
        if agreed.contradicted:
            pairs_found = [
                f"{low} mattered more than {high}" for low, high in agreed.contradicted[:3]
            ]
            text += f" Against the documents: {', '.join(pairs_found)}."
        section.text(text)
    section.text(
        "The share of the differences in rank between trials that each explains by "
        "itself (functional ANOVA), with one standard error. A searcher that has found a good "
        "region tries little else: what it settled early looks less important than it is.",
        "note",
    )
    bars = figures_space.importance_bars(found)
    section.show({"importances": (bars, "importance of each hyperparameter")})
    rows = [
        [
            place,
            one.name,
            f"{one.share:.0%} ± {one.error:.0%}",
            "–" if one.among_best is None else f"{one.among_best:.0%}",
            "–" if one.tier is None else one.tier,
            findings.facts.space[one.name].source or "–",
        ]
        for place, one in enumerate(found, start=1)
    ]
    headings = ["place here", "parameter", "importance", "among the best quarter"]
    headings += ["documented place", "document"]
    section.table(headings, rows)


def landscape(findings: Findings, section: Section) -> None:
    """Where in the space the good trials are."""
    facts = findings.facts
    if not facts.scores() or not facts.space.searched:
        section.text("No trial has a score yet.", "note")
        return
    found = edges(facts)
    for edge in found:
        section.text(f"{edge.what}: {edge.why}.")
    if not found:
        text = "The best trials press against no end of a range."
        section.text(text)
    section.text(
        "Star: the best trial. Diamond: the default configuration. The later a trial, the stronger "
        "its colour.",
        "note",
    )
    parameters = figures_space.order(facts, findings.importances)
    numbers = [one for one in parameters if not isinstance(one, Choice)]
    if len(numbers) > 1:  # between the options of a choice there is nothing to smooth over
        first, second = numbers[:2]
        picture = figures_space.contour(facts, first, second)
        if picture is not None:
            label = f"{facts.metric} over {first.name} and {second.name}, smoothed"
            section.show({"contour": (picture, label)})
    slices = {
        f"slice-{index}": (
            figures_space.slice_of(facts, parameter),
            f"{facts.metric} against {parameter.name}",
        )
        for index, parameter in enumerate(parameters)
    }
    section.show(slices, "many")
