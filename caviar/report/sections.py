"""The sections of the report, from top to bottom."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from caviar.base.failures import failure_groups
from caviar.base.format import duration, how_it_ended, number
from caviar.base.trial import Outcome
from caviar.report import figures_space, figures_time
from caviar.report.advice import Advice
from caviar.report.facts import Facts
from caviar.report.importance import LEAST_TRIALS, Importance, agreement
from caviar.report.landscape import edges
from caviar.report.page import Page, Section
from caviar.report.verdict import Verdict
from caviar.report.workers import Schedule
from caviar.store.session import Session, state
from caviar.sweep import rerun
from search_spaces import Choice, Config
from search_spaces.table import COLUMNS
from search_spaces.text import show

_RETRIED_SHOWN = 20
_LONGEST_TRACEBACK = 20_000  # characters: a recursion's has a thousand frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The facts and what was worked out from them."""

    facts: Facts
    schedule: Schedule
    importances: list[Importance]
    verdict: Verdict | None
    advice: list[Advice]


def page(findings: Findings) -> Page:
    """The whole report."""
    facts = findings.facts
    started = facts.sessions[0].started if facts.sessions else None
    when = "" if started is None else time.strftime(", started %Y-%m-%d %H:%M", _local(started))
    made = Page(
        title=facts.name,
        subtitle=f"{facts.recipe}, {facts.goal}, {facts.state}{when}",
        footer=f"Written {time.strftime('%Y-%m-%d %H:%M')} from {facts.folder}",
    )
    parts: list[tuple[str, str, Callable[[Findings, Section], None]]] = [
        ("verdict", "Verdict", _verdict),
        ("progress", "Best so far", _progress),
        ("curves", "Learning curves", _curves),
        ("parallel", "Parallel coordinates", _parallel),
        ("importance", "Importance", _importance),
        ("landscape", "Where the good ones lie", _landscape),
        ("workers", "Workers", _workers),
        ("failures", "Failures", _failures),
        ("finalists", "Finalists", _finalists),
        ("space", "Search space", _space),
        ("provenance", "Provenance", _provenance),
    ]
    for name, title, fill in parts:
        fill(findings, made.section(name, title))
    return made


def _local(seconds: float) -> time.struct_time:
    return time.localtime(seconds)


def _verdict(findings: Findings, section: Section) -> None:
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
                [name, _shown(verdict.config, name), _shown(default, name)]
                for name in [*verdict.changes, *gone]
            ],
            caption="What the best configuration changes",
        )
        same = [f"{name} {_shown(default, name)}" for name in names if name not in gone]
        if same:
            section.text(f"As in the default: {', '.join(same)}.", "note")


def _default(verdict: Verdict) -> str:
    if verdict.trial == 0:
        return "nothing beat it"
    if verdict.chance is None:
        return f"the default has {verdict.default}"
    where = "beyond" if verdict.beyond_chance else "within"
    return f"{where} the noise of the seeds; the default has {verdict.default}"


def _shown(config: Config, name: str) -> str:
    if name not in config:
        return "–"
    value = config[name]
    return number(value) if isinstance(value, float) else show(value)


def _progress(findings: Findings, section: Section) -> None:
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


def _curves(findings: Findings, section: Section) -> None:
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


def _parallel(findings: Findings, section: Section) -> None:
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


def _importance(findings: Findings, section: Section) -> None:
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
            said = [f"{low} mattered more than {high}" for low, high in agreed.contradicted[:3]]
            text += f" Against the documents: {', '.join(said)}."
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


def _landscape(findings: Findings, section: Section) -> None:
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


def _workers(findings: Findings, section: Section) -> None:
    facts, schedule = findings.facts, findings.schedule
    if not schedule.spans:
        text = "The history of this sweep does not say when its trials ran."
        section.text(text, "note")
        return
    text = f"{schedule.lanes} worker{'s' if schedule.lanes != 1 else ''}"
    if schedule.idle is not None:
        text += f", idle {schedule.idle:.0%} of the time from the first start to the last end"
    first = min(span.start for span in schedule.spans)
    text += f". The first trial started {duration(first)} after the sweep."
    section.text(text)
    section.show({"schedule": (figures_time.workers(facts, schedule), "trials by worker")})


def _failures(findings: Findings, section: Section) -> None:
    facts = findings.facts
    diverged = facts.trials.count(Outcome.DIVERGED)
    failed = facts.trials.count(Outcome.FAILED)
    if failed or diverged:
        section.text(f"{failed} failed, {diverged} diverged (the loss was not finite).")
    else:
        section.text("No trial failed and none diverged.")
    retried = [record for record in facts.trials.values() if record.again]
    if retried:
        rows = [
            [record.number, "; ".join(record.again), how_it_ended(record.outcome)]
            for record in retried[:_RETRIED_SHOWN]
        ]
        more = "" if len(retried) <= _RETRIED_SHOWN else f", the first {_RETRIED_SHOWN}"
        caption = f"Run again: {len(retried)}{more}"
        section.table(["trial", "because of", "in the end"], rows, caption=caption)
    for group in failure_groups(facts.trials):
        some = ", ".join(map(str, group.trials[:10])) + ("…" if len(group.trials) > 10 else "")
        summary = f"{len(group.trials)} × {group.message}"
        which = "trial" if len(group.trials) == 1 else "trials"
        section.text(f"{summary} ({which} {some})")
        first = next((n for n in group.trials if n in facts.tracebacks), None)
        if first is not None:
            traceback = facts.tracebacks[first]
            if len(traceback) > _LONGEST_TRACEBACK:
                half = _LONGEST_TRACEBACK // 2
                traceback = f"{traceback[:half]}\n… (cut)\n{traceback[-half:]}"
            section.blocks.append(
                {"kind": "details", "summary": f"Traceback of trial {first}", "text": traceback}
            )
    if diverged:
        rows = [
            [n, record.epoch, _configuration(record.config)]
            for n, record in facts.trials.items()
            if record.outcome is Outcome.DIVERGED
        ]
        caption = "Diverged" + (", the first ten" if len(rows) > 10 else "")
        section.table(["trial", "epoch", "configuration"], rows[:10], caption=caption)


def _configuration(config: Config) -> str:
    return ", ".join(f"{name} {_shown(config, name)}" for name in config)


def _finalists(findings: Findings, section: Section) -> None:
    facts = findings.facts
    if not facts.finalists:
        text = "The best trials were not trained again with other seeds."
        section.text(text, "note")
        ranking = facts.trials.leaders()[:5]
        scores = facts.scores()
        rows = [
            [n, f"{scores[n]:.4f}", facts.trials[n].seed, _configuration(facts.trials[n].config)]
            for n in ranking
        ]
        headings = ["trial", facts.metric, "seed", "configuration"]
        section.table(headings, rows, caption="The best by a single run")
        return
    chosen = facts.scores()
    rows = [
        [
            number,
            f"{one.mean:.4f}" + (f" ± {one.std:.2g}" if len(one.scores) > 1 else ""),
            ", ".join(f"{score:.4f} (seed {seed})" for seed, score in one.scores.items()),
            f"{chosen[number]:.4f}",
            _changes(facts, number),
        ]
        for number, one in facts.finalists.items()
    ]
    headings = ["trial", f"{facts.metric}, mean and spread", "by seed", "in the search"]
    headings += ["differs from the default in"]
    section.table(headings, rows, mark={0: "best"})
    flattered = statistics.fmean(
        facts.objective.gain(chosen[number], over=one.mean)
        for number, one in facts.finalists.items()
    )
    luck = f"{flattered:.4f} better on average: luck" if flattered > 0 else "no better on average"
    section.text(
        f"Trained again with fresh seeds, to epoch {facts.options.max_epochs}; the best mean wins. "
        f"The run in the search, which chose them, was {luck}.",
        "note",
    )


def _changes(facts: Facts, trial: int) -> str:
    """What a trial's configuration has otherwise than the default."""
    if trial == 0:
        return "it is the default"
    config = facts.trials[trial].config
    default = facts.trials[0].config if 0 in facts.trials else {}
    return _configuration({n: v for n, v in config.items() if default.get(n) != v}) or "nothing"


def _space(findings: Findings, section: Section) -> None:
    space = findings.facts.space
    section.table(COLUMNS, space.rows(), caption=f"space {space.name}")


def _provenance(findings: Findings, section: Section) -> None:
    facts = findings.facts
    command = rerun.command(facts.recipe, facts.options)
    if command is None:
        text = "This sweep was started from Python: there is no command that reproduces it."
        section.text(text)
    else:
        section.text("The same sweep again:", "note")
        section.text(command, "code")
    first = facts.sessions[0] if facts.sessions else Session()
    rows: list[list[object]] = [
        ["recipe", facts.recipe],
        ["seed", facts.options.seed],
        ["git commit", _commit(first)],
        ["data", first.data or "not known"],
        ["machine", first.host or "not known"],
        ["folder", facts.folder],
    ]
    rows += [[name, version] for name, version in first.versions.items()]
    section.table(["what", "value"], rows)
    if len(facts.sessions) > 1:
        _sessions(facts, section)


def _commit(session: Session) -> str:
    return "not known" if session.git is None else str(session.git)


def _ended(session: Session) -> str:
    """How a session ended, in words."""
    return str(state([session])) if session.ended else "cut off"


def _sessions(facts: Facts, section: Section) -> None:
    rows = [
        [
            place,
            time.strftime("%Y-%m-%d %H:%M", _local(session.started)),
            duration(session.seconds),
            _ended(session),
            _commit(session),
        ]
        for place, session in enumerate(facts.sessions, start=1)
    ]
    headings = ["session", "started", "took", "ended", "git commit"]
    section.table(headings, rows, caption="Sessions")
