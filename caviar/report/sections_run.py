"""The sections of the report about how the sweep ran: workers, failures, finals, sessions."""

from __future__ import annotations

import statistics
import time

from caviar.base.failures import failure_groups
from caviar.base.format import duration, how_it_ended
from caviar.base.trial import Outcome
from caviar.report import figures_time
from caviar.report.facts import Facts
from caviar.report.findings import Findings, configuration
from caviar.report.page import Section
from caviar.store.session import Session, state
from caviar.sweep import rerun
from search_spaces.table import COLUMNS

_RETRIED_SHOWN = 20
_LONGEST_TRACEBACK = 20_000  # characters: a recursion's has a thousand frames


def workers(findings: Findings, section: Section) -> None:
    """Which worker ran which trial when."""
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


def failures(findings: Findings, section: Section) -> None:
    """Trials that failed, diverged or ran again, and why."""
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
            [n, record.epoch, configuration(record.config)]
            for n, record in facts.trials.items()
            if record.outcome is Outcome.DIVERGED
        ]
        caption = "Diverged" + (", the first ten" if len(rows) > 10 else "")
        section.table(["trial", "epoch", "configuration"], rows[:10], caption=caption)


def finalists(findings: Findings, section: Section) -> None:
    """The best trials, trained again with fresh seeds."""
    facts = findings.facts
    if not facts.finalists:
        text = "The best trials were not trained again with other seeds."
        section.text(text, "note")
        ranking = facts.trials.leaders()[:5]
        scores = facts.scores()
        rows = [
            [n, f"{scores[n]:.4f}", facts.trials[n].seed, configuration(facts.trials[n].config)]
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
    return configuration({n: v for n, v in config.items() if default.get(n) != v}) or "nothing"


def space(findings: Findings, section: Section) -> None:
    """What was searched."""
    space = findings.facts.space
    section.table(COLUMNS, space.rows(), caption=f"space {space.name}")


def provenance(findings: Findings, section: Section) -> None:
    """What it takes to run the sweep again, and its sessions."""
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
            time.strftime("%Y-%m-%d %H:%M", time.localtime(session.started)),
            duration(session.seconds),
            _ended(session),
            _commit(session),
        ]
        for place, session in enumerate(facts.sessions, start=1)
    ]
    headings = ["session", "started", "took", "ended", "git commit"]
    section.table(headings, rows, caption="Sessions")
