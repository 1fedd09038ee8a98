"""The sections of the report, from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable

from caviar.report import sections_run, sections_search
from caviar.report.findings import Findings
from caviar.report.page import Page, Section


def page(findings: Findings) -> Page:
    """The whole report."""
    facts = findings.facts
    when = ""
    if facts.sessions:
        started = time.localtime(facts.sessions[0].started)
        when = time.strftime(", started %Y-%m-%d %H:%M", started)
    made = Page(
        title=facts.name,
        subtitle=f"{facts.recipe}, {facts.goal}, {facts.state}{when}",
        footer=f"Written {time.strftime('%Y-%m-%d %H:%M')} from {facts.folder}",
    )
    parts: list[tuple[str, str, Callable[[Findings, Section], None]]] = [
        ("verdict", "Verdict", sections_search.verdict),
        ("progress", "Best so far", sections_search.progress),
        ("curves", "Learning curves", sections_search.curves),
        ("parallel", "Parallel coordinates", sections_search.parallel),
        ("importance", "Importance", sections_search.importance),
        ("landscape", "Where the good trials are", sections_search.landscape),
        ("workers", "Workers", sections_run.workers),
        ("failures", "Failures", sections_run.failures),
        ("finalists", "Finalists", sections_run.finalists),
        ("space", "Search space", sections_run.space),
        ("provenance", "Provenance", sections_run.provenance),
    ]
    for name, title, fill in parts:
        fill(findings, made.section(name, title))
    return made
