"""The structure of the code, measured from its syntax tree: rooms, imports, functions, `Any`.

    python tests/structure.py            # this checkout
    python tests/structure.py FOLDER     # another one, before a change

Every import counts: at the top of a module, inside a function, and for types only. An import of a
name that a package's `__init__` passes on counts as one of the module that defines it.
`test_structure.py` holds what is measured here against what the architecture promises.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGES = ("caviar", "pipelines", "search_spaces", "trainables")
ROOMS = (
    ("base",),
    ("searchers", "schedulers"),
    ("sweep",),
    ("controller",),
    ("store",),
    ("simulator", "trackers", "terminal"),
    ("ray", "report"),
    ("driver",),
    ("after", "nightly"),
    ("pipelines",),
    ("cli",),
)
"""From the ground up, as `docs/architecture.md` has them: a room imports from those before it."""
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
TEMPLATES = "new_project"
"""A folder of files that `caviar init` writes: they are the user's, and no part of the library."""


@dataclass(frozen=True)
class Function:
    """A function or a method."""

    where: str
    lines: int
    parameters: int


@dataclass
class Module:
    """One file."""

    name: str
    path: Path
    tree: ast.Module
    lines: int
    is_package: bool
    imports: set[str] = field(default_factory=set)
    """Modules of the same checkout that it imports."""
    outside: set[str] = field(default_factory=set)
    """Top-level packages that are not of this checkout."""

    @property
    def folder(self) -> str:
        """The folder that it is in, with dots."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def room(self) -> str:
        """The part of the library that it belongs to."""
        first, _, rest = self.name.partition(".")
        return rest.partition(".")[0] if first == "caviar" and rest else first


class Structure:
    """All modules of a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, Module] = {}
        for package in PACKAGES:
            for path in sorted((root / package).rglob("*.py")):
                if TEMPLATES not in path.parts:
                    module = self._read(path)
                    self.modules[module.name] = module
        for module in self.modules.values():
            for name in _imported(module):
                self._note(module, name)

    def _read(self, path: Path) -> Module:
        text = path.read_text()
        parts = path.relative_to(self.root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        return Module(name, path, ast.parse(text), text.count("\n"), is_package)

    def _note(self, module: Module, name: str) -> None:
        if name.partition(".")[0] not in PACKAGES:
            module.outside.add(name.partition(".")[0])
            return
        found = self._defining(name)
        if found is not None and found != module.name:
            module.imports.add(found)

    def _defining(self, name: str) -> str | None:
        """The module that a dotted name is of, through the `__init__` that passes it on."""
        if name in self.modules:
            return name
        package, _, attribute = name.rpartition(".")
        there = self.modules.get(package)
        if there is None:
            return self._defining(package) if package else None
        if there.is_package:
            passed_on = _passed_on(there).get(attribute)
            if passed_on is not None and passed_on != name:
                return self._defining(passed_on)
        return package

    @cached_property
    def rooms(self) -> dict[str, set[str]]:
        """What each module that is not a mere `__init__` imports."""
        plain = {name: module for name, module in self.modules.items() if not module.is_package}
        return {name: {one for one in m.imports if one in plain} for name, m in plain.items()}

    def folders(self) -> Counter[str]:
        """Modules in each folder, `__init__` not counted."""
        return Counter(m.folder for m in self.modules.values() if not m.is_package)

    def cycles(self) -> list[list[str]]:
        """The sets of modules that import each other in a circle."""
        return [sorted(one) for one in _components(self.rooms) if len(one) > 1]

    def chain(self) -> list[str]:
        """The longest chain of imports, from the top down; a cycle counts as one floor."""
        groups = _components(self.rooms)
        of = {name: index for index, group in enumerate(groups) for name in group}
        longest: dict[int, list[int]] = {}
        for index, group in enumerate(groups):  # what is imported comes first
            below = {of[one] for name in group for one in self.rooms[name]} - {index}
            deepest = max((longest[one] for one in below), key=len, default=[])
            longest[index] = [index, *deepest]
        top = max(longest.values(), key=len, default=[])
        return [sorted(groups[index])[0] for index in top]

    def upward(self) -> list[tuple[str, str]]:
        """Imports against the order of the rooms: (who, what)."""
        found = []
        for module in self.modules.values():
            for name in module.imports:
                here, there = module.room, self.modules[name].room
                if not _may_import(here, there) and module.name != "caviar":
                    found.append((module.name, name))
        return sorted(found)

    def functions(self) -> list[Function]:
        """Every function and method, the longest first."""
        found = []
        for module in self.modules.values():
            for node, holder in _functions(module.tree):
                args = node.args
                names = [a.arg for a in [*args.posonlyargs, *args.args, *args.kwonlyargs]]
                count = len([n for n in names if n not in ("self", "cls")])
                count += (args.vararg is not None) + (args.kwarg is not None)
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append(Function(f"{module.name}:{holder}{node.name}", lines, count))
        return sorted(found, key=lambda one: -one.lines)

    def any_per_thousand(self) -> float:
        """How often the word `Any` stands in 1,000 lines, imports of it included."""
        lines = sum(module.lines for module in self.modules.values())
        uses = (len(re.findall(r"\bAny\b", m.path.read_text())) for m in self.modules.values())
        return 1000 * sum(uses) / lines

    def importers(self, package: str) -> list[str]:
        """The modules that import a package from outside, or one of this checkout."""
        return sorted(
            m.name
            for m in self.modules.values()
            if package in m.outside or any(n.partition(".")[0] == package for n in m.imports)
        )


def _may_import(here: str, there: str) -> bool:
    if here == there:
        return True
    if here in ("search_spaces", "trainables"):
        return False
    if there in ("search_spaces", "trainables"):
        return True
    if here not in FLOOR or there not in FLOOR:  # a checkout with other rooms
        return True
    return FLOOR[there] < FLOOR[here]


def _imported(module: Module) -> Iterator[str]:
    """The dotted names that a module imports, wherever the import stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _passed_on(package: Module) -> dict[str, str]:
    """The names that an `__init__` imports or names the homes of, and where they are defined."""
    found = {}
    for node in ast.walk(package.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    home, _, other = str(value.value).partition(":")
                    found.setdefault(str(key.value), f"{home}.{other or key.value}")
    return found


def _functions(
    tree: ast.AST, holder: str = ""
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, holder
            yield from _functions(node, f"{holder}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{holder}{node.name}.")
        else:
            yield from _functions(node, holder)


def _components(graph: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected components, what is imported first (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            place = stack.index(name)
            found.append(set(stack[place:]))
            del stack[place:]

    sys.setrecursionlimit(10_000)
    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def raises_without_match(folder: Path) -> list[str]:
    """Every `pytest.raises` below a folder that does not say which message it expects."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = ast.unparse(node.func)
            if called in ("pytest.raises", "raises") and not any(
                keyword.arg == "match" for keyword in node.keywords
            ):
                found.append(f"{path.relative_to(folder)}:{node.lineno}")
    return found


def main() -> None:
    """Print it all."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    found = Structure(root)
    print("modules in a folder")
    for folder, count in found.folders().most_common(8):
        print(f"  {count:>3}  {folder}")
    chain = found.chain()
    print(f"floors  {len(chain)}")
    print("  " + " > ".join(chain))
    cycles = found.cycles()
    print(f"cycles  {len(cycles)}")
    for cycle in cycles:
        print("  " + ", ".join(cycle))
    upward = found.upward()
    print(f"upward arrows  {len(upward)}")
    for who, what in upward:
        print(f"  {who} -> {what}")
    functions = found.functions()
    print("longest functions")
    for one in functions[:10]:
        print(f"  {one.lines:>3} lines, {one.parameters} parameters  {one.where}")
    many = sorted((f for f in functions if f.parameters > 8), key=lambda one: -one.parameters)
    print(f"functions with more than 8 parameters  {len(many)}")
    for one in many:
        print(f"  {one.parameters:>3}  {one.where}")
    print(f"Any in 1,000 lines  {found.any_per_thousand():.1f}")
    print(f"pytest.raises without match  {len(raises_without_match(root / 'tests'))}")


if __name__ == "__main__":
    main()
