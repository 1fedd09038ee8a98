"""What a trainable takes along to the workers, when it is no class of a module they can import.

Such a class (of a script, a notebook, a function) is sent by value, with everything that its
methods refer to. A lock cannot be sent at all; a data set can, and is sent to every worker anew
where what `data` gives is shared by all of them.
"""

from __future__ import annotations

import contextlib
import dis
import inspect
import io
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from caviar.base.errors import UsageError

LIMIT = 64 * 2**20
"""Bytes that a trainable may take along; code has some thousand."""


def check(trainable: type[Any], *, limit: int = LIMIT) -> None:
    """Refuse a class that cannot be sent to the workers, or that is larger than `limit` bytes.

    Raises `UsageError`, naming the variable at fault.
    """
    size, error = _size(trainable, limit)
    if error is None and size <= limit:
        return
    name = trainable.__name__
    found = [(what, *_size(value, limit)) for what, value in _held(trainable)]
    if error is not None:
        what, why = next(((w, e) for w, _, e in found if e is not None), ("something", error))
        raise UsageError(
            f"The trainable {name} cannot be sent to the workers, for it takes along {what}, which "
            f"cannot be pickled ({why}): make it inside a method instead."
        )
    what, most, _ = max(found, key=lambda one: one[1], default=("what it refers to", size, None))
    raise UsageError(
        f"The trainable {name} takes along {what}, and with it {_amount(most, limit)}, to every "
        f"worker, where {limit / 2**20:.0f} MiB are allowed: load it in prepare_data, or sweep it "
        "as the data set (--dataset arrays)."
    )


class _TooLargeError(Exception):
    pass


class _Counter(io.RawIOBase):
    """Counts what is written to it, up to a bound: what is enormous is not pickled to its end."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit

    def write(self, content: Any) -> int:
        written = memoryview(content).nbytes
        self.size += written
        if self.size > self._limit:
            raise _TooLargeError
        return written


def _size(value: Any, limit: int) -> tuple[int, str | None]:
    """Bytes of a value as it is sent, counted to just beyond the limit; or why it cannot be."""
    from ray import cloudpickle

    counter = _Counter(limit)
    try:
        cloudpickle.CloudPickler(counter).dump(value)
    except _TooLargeError:
        pass
    except Exception as error:  # noqa: BLE001 - whatever a value's own pickling raises
        return counter.size, f"{type(error).__name__}: {error}".partition("\n")[0]
    return counter.size, None


def _amount(size: int, limit: int) -> str:
    return f"more than {limit / 2**20:.0f} MiB" if size > limit else f"{size / 2**20:.0f} MiB"


def _held(trainable: type[Any]) -> Iterator[tuple[str, Any]]:
    """What a class that is sent by value refers to, with words for each; the classes it derives
    from too."""
    for kind in trainable.__mro__:
        if kind is not trainable and _importable(kind):
            continue
        for name, value in vars(kind).items():
            functions = _functions(value)
            for function in functions:
                for what, held in _of_function(function):
                    if held is not kind:  # a method that says super(), or the name of its class
                        yield what, held
            if not functions and not name.startswith("__") and name != _OF_ABC:
                yield f"the class attribute {name!r}", value


_OF_ABC = "_abc_impl"  # of every class with abstract methods, and never sent


def _functions(value: Any) -> list[FunctionType]:
    """The functions of Python's that an attribute of a class consists of."""
    if isinstance(value, property):
        parts = [value.fget, value.fset, value.fdel]
    else:
        parts = [getattr(value, "__func__", value)]  # of a classmethod or a staticmethod
    return [part for part in parts if inspect.isfunction(part)]


def _of_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function refers to, by defaults, captured variables and globals, and words for each;
    modules are sent by name."""
    name = function.__qualname__
    for parameter in inspect.signature(function, follow_wrapped=False).parameters.values():
        if parameter.default is not parameter.empty:
            yield f"the default of {parameter.name!r} of {name}", parameter.default
    captured = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for variable, cell in captured:
        with contextlib.suppress(ValueError):  # the variable is not set yet
            yield f"the variable {variable!r} that {name} captured", cell.cell_contents
    for variable in sorted(_global_names(function.__code__) & function.__globals__.keys()):
        value = function.__globals__[variable]
        if not inspect.ismodule(value):
            yield f"the global variable {variable!r} of {name}", value


def _global_names(code: CodeType) -> set[str]:
    """The global names that code looks up, with those of the functions inside it."""
    own = {one.argval for one in dis.get_instructions(code) if one.opname.endswith("_GLOBAL")}
    inside = (_global_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return own.union(*inside)


def _importable(kind: type[Any]) -> bool:
    """Whether a worker finds this class by its name."""
    return kind.__module__ != "__main__" and "<locals>" not in kind.__qualname__
