"""From the folder of a sweep to its page."""

from __future__ import annotations

from pathlib import Path

from caviar.report.advice import advise
from caviar.report.facts import Facts, gather
from caviar.report.findings import Findings
from caviar.report.importance import importances
from caviar.report.sections import page
from caviar.report.verdict import verdict
from caviar.report.workers import schedule
from caviar.store import layout
from caviar.store.experiments import Experiment


def find_out(facts: Facts) -> Findings:
    """Everything that the page and the advice say."""
    ran = schedule(facts.trials, facts.sessions)
    weights = importances(facts)
    found = verdict(facts, ran, [one.name for one in weights])
    return Findings(
        facts=facts,
        schedule=ran,
        importances=weights,
        verdict=found,
        advice=advise(facts, ran, weights, found),
    )


def write(experiment: Experiment, path: Path | None = None) -> tuple[Path, Findings]:
    """Write the page, `report.html` in the sweep's folder by default; where it is, what it says.

    Raises `OSError` where it cannot be written.
    """
    path = path or experiment.folder / layout.REPORT
    findings = find_out(gather(experiment))
    layout.write_text(page(findings).html(), path)
    return path, findings
