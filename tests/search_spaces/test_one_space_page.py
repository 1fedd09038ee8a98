"""The page about one space for every backend: its code runs, in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path

from search_spaces import SearchSpace

PAGE = Path(__file__).parents[2] / "docs" / "one_space.md"


def test_the_code_of_the_page_runs_and_gives_configurations_of_its_space():
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 4
    names: dict[str, object] = {}
    for block in blocks[:1]:
        exec(compile(block, str(PAGE), "exec"), names)
    space = names["space"]
    assert isinstance(space, SearchSpace)
    for block in blocks[1:]:
        names.pop("best", None)
        exec(compile(block, str(PAGE), "exec"), names)
        best = names.get("best", space.default())
        assert isinstance(best, dict)
        space.validate(best)
