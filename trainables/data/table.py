"""Any table of labelled rows: a CSV or Parquet file with a column that is to be predicted."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.checks import did_you_mean
from trainables.data.arrays import assemble
from trainables.data.dataset import Dataset

_TARGETS = ("target", "label", "class")
_SUFFIXES = (".csv", ".parquet")
_MOST_VALUES = 100  # of a column of words; more are names or free text, of which nothing is learnt


def load_table(
    data_dir: str | None, train_size: int | None, val_size: int | None, target: str | None = None
) -> Dataset:
    """Load a table as [n, columns], split into 64 / 16 / 20 % in a fixed, stratified way.

    A column of numbers stays as it is; where one is missing it is the mean of the training rows'.
    A column of words becomes a column of 0 and 1 for each word that the training rows have.

    Args:
        data_dir: the .csv or .parquet file, or a folder with exactly one.
        train_size: rows to train with.
        val_size: rows to validate with.
        target: the column with the labels, numbers or words. None for the one column named target,
            label or class.

    Raises ValueError when data_dir is missing, the file cannot be read, a label is missing, a
    column is of no use (dates; more than 100 words), or a size is impossible.
    """
    path = _find(data_dir)
    table = _read(path)
    name = _target(path, list(table.columns), target)
    labels = table.pop(name)
    if labels.isna().any():
        raise ValueError(
            f"The column {name!r} of {path} must have a label in every row, but "
            f"{int(labels.isna().sum()):,} are missing."
        )
    # The split first, over row numbers: what a column becomes is learnt from the training rows.
    numbers = np.arange(len(table), dtype=np.float32).reshape(-1, 1)
    if len(table) >= 2**24:
        raise ValueError(f"{path} must have fewer than 2^24 rows, but it has {len(table):,}.")
    y = labels.to_numpy()
    split = assemble(
        path.stem,
        {"train": (numbers, y if y.dtype.kind in "buif" else y.astype(str))},
        labels=f"The column {name!r} of {path}",
        train_size=train_size,
        val_size=val_size,
    )
    train = split.x_train[:, 0].astype(np.int64)
    columns = [_column(path, table[column], train) for column in table.columns]
    if sum(column.shape[1] for column in columns) == 0:
        raise ValueError(f"{path} must have a column beside {name!r}, but it has none.")
    x = np.concatenate(columns, axis=1)
    parts = {
        f"x_{part}": x[getattr(split, f"x_{part}")[:, 0].astype(np.int64)]
        for part in ("train", "val", "test")
    }
    return Dataset(
        name=path.stem,
        y_train=split.y_train,
        y_val=split.y_val,
        y_test=split.y_test,
        classes=split.classes,
        **parts,
    )


def check_table(data_dir: str | None, target: str | None) -> None:
    """Raise the ValueError of `load_table` for a file or a target that is not there: the names of
    the columns are read, and none of the rows."""
    path = _find(data_dir)
    _target(path, _columns(path), target)


def _find(data_dir: str | None) -> Path:
    if data_dir is None:
        raise ValueError(
            "The data set table is read from a file of yours: give data_dir a .csv or a .parquet, "
            "or a folder with exactly one."
        )
    place = Path(data_dir).expanduser()
    if not place.exists():
        raise ValueError(f"data_dir must be a .csv or a .parquet, but there is no {place}.")
    if place.is_file() and place.suffix in _SUFFIXES:
        return place
    found = [path for suffix in _SUFFIXES for path in sorted(place.glob(f"*{suffix}"))]
    if len(found) != 1:
        raise ValueError(
            f"data_dir must be a .csv or a .parquet, or a folder with exactly one, but {place} "
            f"has {len(found)}."
        )
    return found[0]


def _read(path: Path) -> Any:
    # Both come with Ray Tune. A third of a second to import, for those with a table only.
    import pandas as pd  # type: ignore[import-untyped]

    with _readable(path):
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def _columns(path: Path) -> list[str]:
    import pandas as pd

    with _readable(path):
        if path.suffix == ".csv":
            return list(pd.read_csv(path, nrows=0).columns)
        import pyarrow.parquet as parquet

        return list(parquet.read_schema(path).names)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise ValueError(f"{path} cannot be read: {error}") from error


def _target(path: Path, columns: list[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in columns:
            hint = did_you_mean(asked, columns)
            raise ValueError(
                f"{path} has no column {asked!r}. {hint}It has {', '.join(map(str, columns))}."
            )
        return asked
    found = [column for column in columns if str(column).lower() in _TARGETS]
    if len(found) != 1:
        raise ValueError(
            f"Name the target, the column of {path} with the labels: one of "
            f"{', '.join(map(str, columns))}."
        )
    return found[0]


def _column(path: Path, values: Any, train: NDArray[np.int64]) -> NDArray[np.float32]:
    """One column as numbers, [n, 1], or [n, words] for words."""
    import pandas as pd

    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(numbers).any():
            raise ValueError(f"The column {values.name!r} of {path} must be finite, but is not.")
        known = numbers[train][~np.isnan(numbers[train])]
        mean = known.mean() if len(known) else 0.0
        return np.where(np.isnan(numbers), mean, numbers).astype(np.float32).reshape(-1, 1)
    if pd.api.types.is_datetime64_any_dtype(kind):
        raise ValueError(
            f"The column {values.name!r} of {path} holds dates: make numbers of them, or leave it "
            "out."
        )
    words = values.astype(object).where(values.notna(), None).to_numpy()
    seen = sorted({str(word) for word in words[train] if word is not None})
    if len(seen) > _MOST_VALUES:
        raise ValueError(
            f"The column {values.name!r} of {path} must have {_MOST_VALUES} words at most, but it "
            f"has {len(seen):,}: leave it out, or make numbers of them."
        )
    columns = [
        np.array([word is not None and str(word) == value for word in words]) for value in seen
    ]
    found = np.zeros((len(words), len(seen)), np.float32)
    for number, column in enumerate(columns):
        found[:, number] = column
    return found
