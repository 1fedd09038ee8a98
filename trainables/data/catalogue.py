"""The data sets that can be asked for by name."""

from collections.abc import Callable

from trainables.checks import did_you_mean
from trainables.data.dataset import Dataset
from trainables.data.digits import load_digits
from trainables.data.fashion_mnist import load_fashion_mnist

_LOADERS: dict[str, Callable[[str | None, int | None, int | None], Dataset]] = {
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
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
) -> Dataset:
    """Load a data set. The split never depends on a sweep's seed: numbers of two sweeps compare.

    Args:
        name: one of `names()`.
        data_dir: directory with the data set's files. None looks where they usually are, then
        downloads. train_size: rows to train with; None for the data set's default.
        val_size: rows to validate with; None for the data set's default.

    Raises:
        ValueError: the name is unknown, a size is impossible, or the files are missing or damaged.
        DataUnavailableError: the data is not on this machine and could not be downloaded.
    """
    if name not in _LOADERS:
        hint = did_you_mean(name, names())
        raise ValueError(f"Unknown data set {name!r}. {hint}Known: {', '.join(names())}.")
    return _LOADERS[name](data_dir, train_size, val_size)
