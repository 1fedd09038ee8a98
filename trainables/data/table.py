"""Any table of labelled rows: a CSV or Parquet file with a column that is to be predicted."""

import contextlib
import datetime
import re
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.checks import did_you_mean
from trainables.data.arrays import assemble
from trainables.data.dataset import Column, Dataset

_TARGETS = ("target", "label", "class")
_SUFFIXES = (".csv", ".parquet")
_SHOWN = 3  # values that a sentence names
_LARGEST = float(np.finfo(np.float32).max)
_UNNAMED = "Unnamed:"  # how pandas begins the name of a column that has none
_DATE = re.compile(r"(\d{4}([-/.])\d\d?\2\d\d?|\d\d?([-/.])\d\d?\3\d{4})([ T].*)?")
_MOST_VALUES = 100  # of a column of words; more are names or free text, of which nothing is learnt
_CALLED = {"Timedelta": "durations", "ndarray": "lists"}  # as pandas reads them


def load_table(
    data_dir: str | None, train_size: int | None, val_size: int | None, target: str | None = None
) -> Dataset:
    """Load a table as [n, columns], split into 64 / 16 / 20 % in a fixed, stratified way.

    A column of numbers, decimals too, stays as it is; where one is missing it is the mean of the
    training rows'.
    A column of words becomes a column of 0 and 1 for each word that the training rows have. A
    column without a name that numbers or names the rows, an index, is left out.

    Args:
        data_dir: the .csv or .parquet file, or a folder with exactly one.
        train_size: rows to train with.
        val_size: rows to validate with.
        target: the column with the labels, whole numbers or words; of a CSV only an empty cell is
            a missing one, None and NA are words. None for the one column named target, label or
            class.

    Raises ValueError when data_dir is missing, the file cannot be read, the labels are no classes,
    a column is of no use (dates, durations, lists, bytes; numbers with some words among them, or
    beyond the range of float32; more than 100 words), or a size is impossible.
    """
    path = _find(data_dir)
    table = _read(path)
    name = _target(path, list(table.columns), target)
    labels = _labels(path, table.pop(name))
    table = table.drop(columns=[column for column in table if _is_index(table[column])])
    # The split first, over row numbers: what a column becomes is learnt from the training rows.
    numbers = np.arange(len(table), dtype=np.float32).reshape(-1, 1)
    if len(table) >= 2**24:
        raise ValueError(f"{path} must have fewer than 2^24 rows, but it has {len(table):,}.")
    split = assemble(
        path.stem,
        {"train": (numbers, labels)},
        labels=f"The column {name!r} of {path}",
        train_size=train_size,
        val_size=val_size,
    )
    train = split.x_train[:, 0].astype(np.int64)
    found = [_column(path, table[column], train) for column in table.columns]
    if sum(inputs.shape[1] for _, inputs in found) == 0:
        raise ValueError(f"{path} must have a column beside {name!r}, but it has none.")
    x = np.concatenate([inputs for _, inputs in found], axis=1)
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
        labels=split.labels,
        columns=tuple(column for column, _ in found),
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
        raise ValueError(
            f"data_dir must be a .csv or a .parquet, but there is no {place}: say where it lies."
        )
    if place.is_file():
        if place.suffix.lower() in _SUFFIXES:
            return place
        raise ValueError(
            f"data_dir must be a .csv or a .parquet, the endings that are read, but {place} ends "
            f"in {place.suffix or 'neither'}: save the table as one of them."
        )
    found = [path for path in sorted(place.glob("*")) if path.suffix.lower() in _SUFFIXES]
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
        # Read as a whole: of a file read in parts a column may come out as numbers and words.
        table = pd.read_csv(path, low_memory=False) if _is_csv(path) else pd.read_parquet(path)
    table.columns = table.columns.map(str)
    return table


def _columns(path: Path) -> list[str]:
    import pandas as pd

    with _readable(path):
        if _is_csv(path):
            return list(pd.read_csv(path, nrows=0).columns)
        import pyarrow.parquet as parquet

        return list(parquet.read_schema(path).names)


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


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
            raise ValueError(f"{path} has no column {asked!r}. {hint}It has {', '.join(columns)}.")
        return asked
    found = [column for column in columns if column.lower() in _TARGETS]
    if len(found) != 1:
        raise ValueError(
            f"Name the target, the column of {path} with the labels: one of {', '.join(columns)}."
        )
    return found[0]


def _labels(path: Path, values: Any) -> NDArray[Any]:
    """The labels [n], numbers or text."""
    import pandas as pd

    if _is_csv(path) and values.isna().any():  # a class may be called None or NA
        options = {"usecols": [values.name], "keep_default_na": False, "na_values": [""]}
        with _readable(path):
            values = pd.read_csv(path, low_memory=False, **options)[values.name]
    if values.isna().any():
        raise ValueError(
            f"The column {values.name!r} of {path} must have a label in every row, but "
            f"{int(values.isna().sum()):,} are missing: leave these rows out."
        )
    labels: NDArray[Any] = values.to_numpy()
    if labels.dtype.kind in "buif":
        return labels
    _check_words(path, values)
    return labels.astype(str)


def _is_index(values: Any) -> bool:
    """Whether a column numbers or names the rows, as the index does that pandas writes."""
    return bool(values.name.startswith(_UNNAMED) and values.dtype.kind != "f" and values.is_unique)


def _check_objects(path: Path, values: Any) -> None:
    """Raise ValueError for a column of neither numbers nor words; booleans and dates pass."""
    for value in values.dropna():
        kind = type(value).__name__
        if not isinstance(value, str | Real | np.bool_ | datetime.date):
            raise ValueError(
                f"The column {values.name!r} of {path} must hold numbers or words, but it holds "
                f"{_CALLED.get(kind, f'values of the type {kind}')}: make numbers or words of "
                "them, or leave it out."
            )


def _check_words(path: Path, values: Any) -> None:
    """Raise ValueError for a column of words that is one of numbers, but for some values."""
    import pandas as pd

    words, rows = _words(values)
    are_numbers = pd.to_numeric(words, errors="coerce").notna()
    # 1,000 is no number as it is written, but meant to be one.
    meant = pd.to_numeric(words.str.replace(",", ""), errors="coerce").notna()
    if 2 * rows[meant].sum() > rows.sum() and not are_numbers.all():
        odd = ", ".join(map(repr, words[~are_numbers][:_SHOWN]))
        raise ValueError(
            f"The column {values.name!r} of {path} must hold numbers only, or words only, but "
            f"most of its values are numbers and some are not, such as {odd}: make numbers of "
            "these (1000, not 1,000; an empty cell where one is missing), or words of all."
        )


def _are_dates(values: Any) -> bool:
    """Whether most values of a column of words are dates: 2026-11-21, 11/21/2026, with a time."""
    words, rows = _words(values)
    dates = [_DATE.fullmatch(word) is not None for word in words]
    return bool(2 * rows[dates].sum() > rows.sum())


def _words(values: Any) -> tuple[Any, NDArray[np.int64]]:
    """The different values of a column as words, and how many rows have each."""
    counts = values.dropna().astype(str).value_counts(sort=False)
    return counts.index.to_series(), counts.to_numpy()


def _column(
    path: Path, values: Any, train: NDArray[np.int64]
) -> tuple[Column, NDArray[np.float32]]:
    """One column, and it as numbers, [n, 1], or [n, words] for words."""
    import pandas as pd

    kind = values.dtype
    if (
        pd.api.types.is_bool_dtype(kind)
        or pd.api.types.is_numeric_dtype(kind)
        or pd.api.types.infer_dtype(values) == "decimal"
    ):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if (np.abs(numbers) > _LARGEST).any():
            raise ValueError(
                f"The column {values.name!r} of {path} must be finite and within ±3.4e38, the "
                "range of float32, but is not: put it right, or leave it out."
            )
        known = numbers[train][~np.isnan(numbers[train])]
        mean = known.mean() if len(known) else 0.0
        inputs = np.where(np.isnan(numbers), mean, numbers).astype(np.float32).reshape(-1, 1)
        return Column(name=str(values.name), mean=float(mean)), inputs
    _check_objects(path, values)
    _check_words(path, values)
    if pd.api.types.is_datetime64_any_dtype(kind) or _are_dates(values):
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
    return Column(name=str(values.name), words=tuple(seen)), found
