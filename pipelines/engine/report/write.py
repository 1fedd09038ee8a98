"""From the folder of a sweep to its page."""

from __future__ import annotations

from pathlib import Path

from pipelines.engine import files
from pipelines.engine.experiments import Experiment
from pipelines.engine.report.advice import advise
from pipelines.engine.report.facts import Facts, gather
from pipelines.engine.report.importance import importances
from pipelines.engine.report.sections import Findings, page
from pipelines.engine.report.verdict import verdict
from pipelines.engine.report.workers import schedule


def find_out(facts: Facts) -> Findings:
    """Everything that the page and the advice say."""
    ran = schedule(facts.records, facts.sessions)
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
    """Write the page, ``report.html`` in the sweep's folder by default; where it is, what it says.

    Raises ``OSError`` where it cannot be written.
    """
    path = path or experiment.folder / files.REPORT
    findings = find_out(gather(experiment))
    files.write_text(page(findings).html(), path)
    return path, findings
