"""The data sets that can be asked for by name."""

from collections.abc import Callable

from trainables.checks import did_you_mean
from trainables.data.arrays import check_arrays, load_arrays
from trainables.data.cifar10 import load_cifar10
from trainables.data.dataset import Dataset
from trainables.data.digits import check_digits, load_digits
from trainables.data.fashion_mnist import check_fashion_mnist, load_fashion_mnist
from trainables.data.table import check_table, load_table

_ARRAYS, _TABLE = "arrays", "table"
_LOADERS: dict[str, Callable[[str | None, int | None, int | None], Dataset]] = {
    _ARRAYS: load_arrays,
    "cifar10": load_cifar10,
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
    _TABLE: load_table,
}
# What can be told without reading; a data set that has nothing of the kind is left out.
_CHECKS: dict[str, Callable[[str | None, int | None, int | None], None]] = {
    "digits": check_digits,
    "fashion_mnist": check_fashion_mnist,
}


def names() -> list[str]:
    """The names `load` knows, sorted."""
    return sorted(_LOADERS)


def load(
    name: str,
    *,
    data_dir: str | None = None,
    train_size: int | None = None,
    val_size: int | None = None,
    target: str | None = None,
) -> Dataset:
    """Load a data set, and note its checksum.

    The split never depends on a sweep's seed: numbers of two sweeps compare.

    Args:
        name: one of `names()`.
        data_dir: directory with the data set's files, or the one file. None looks where they
            usually are, then downloads; arrays and table have no such place.
        train_size: rows to train with; None for the data set's default.
        val_size: rows to validate with; None for the data set's default.
        target: the column of a table with the labels; None for the one named target, label or
            class, and for every other data set.

    Raises:
        ValueError: the name is unknown, a size is impossible, or the files are missing or damaged.
        DataUnavailableError: the data is not on this machine and could not be downloaded.
    """
    _check_name(name, target)
    if name == _TABLE:
        return load_table(data_dir, train_size, val_size, target).with_checksum()
    return _LOADERS[name](data_dir, train_size, val_size).with_checksum()


def check(
    name: str,
    *,
    data_dir: str | None = None,
    train_size: int | None = None,
    val_size: int | None = None,
    target: str | None = None,
) -> None:
    """Raise the ValueError that `load` would, as far as that can be told without reading data; of a
    table the names of its columns are read."""
    _check_name(name, target)
    if name == _TABLE:
        check_table(data_dir, target)
    elif name == _ARRAYS:
        check_arrays(data_dir)
    elif name in _CHECKS:
        _CHECKS[name](data_dir, train_size, val_size)


def _check_name(name: str, target: str | None) -> None:
    if target is not None and name != _TABLE:
        raise ValueError(
            f"target names a column of a table, and the data set {name} has none, but it is "
            f"{target!r}: leave it out, or take the data set table."
        )
    if name not in _LOADERS:
        hint = did_you_mean(name, names())
        raise ValueError(f"Unknown data set {name!r}. {hint}Known: {', '.join(names())}.")
