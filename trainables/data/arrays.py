"""Any labelled rows that lie as numpy arrays in a folder or in one .npz."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Dataset
from trainables.data.images import as_rows
from trainables.data.sizes import check_size
from trainables.data.splits import SPLIT_SEED, stratified_order, train_and_val

_VAL_SHARE = 0.2
_TEST_SHARE = 0.2
_NUMBERS, _WORDS = "numbers", "words"
_NAMES = (
    "x_train and y_train, or x and y; with x_val, y_val and x_test, y_test where there are such"
)


def load_arrays(data_dir: str | None, train_size: int | None, val_size: int | None) -> Dataset:
    """Load x_train, y_train, x_val, y_val, x_test, y_test from .npy files or from one .npz.

    Without a test part a fifth of the rows is one, without a validation part a fifth of what
    training has left: fixed, stratified splits. Sizes take that many rows of a part, stratified.
    Rows are as `trainables.data.images.as_rows` makes them; labels may be numbers or words, and are
    numbered in their order.

    Args:
        data_dir: a folder with .npy files of these names or exactly one .npz, or an .npz.
        train_size: rows to train with.
        val_size: rows to validate with.

    Raises ValueError when data_dir is missing, an array is missing or damaged, the labels are no
    classes, or a size is impossible.
    """
    check_arrays(data_dir)
    place = Path(str(data_dir)).expanduser()
    found = _read(place)
    if "x_train" not in found and "x" in found and "y" in found:
        found["x_train"], found["y_train"] = found.pop("x"), found.pop("y")
    pairs = {}
    for part in ("train", "val", "test"):
        names = f"x_{part}", f"y_{part}"
        missing = [name for name in names if name not in found]
        if len(missing) == 1 or (missing and part == "train"):
            raise ValueError(f"{place} must hold {_NAMES}, but it lacks {', '.join(missing)}.")
        if not missing:
            pairs[part] = _pair(place, part, *(found[name] for name in names))
    return assemble(
        place.stem or str(place),
        pairs,
        labels=f"y of {place}",
        train_size=train_size,
        val_size=val_size,
    )


def check_arrays(data_dir: str | None) -> None:
    """Raise the ValueError of `load_arrays` for a place that holds no arrays; reads none."""
    if data_dir is None:
        raise ValueError(
            f"The data set arrays is read from a place of yours: give data_dir a folder with "
            f".npy files or an .npz ({_NAMES})."
        )
    _files(Path(data_dir).expanduser())


def assemble(
    name: str,
    pairs: dict[str, tuple[NDArray[np.float32], NDArray[Any]]],
    *,
    labels: str,
    train_size: int | None,
    val_size: int | None,
) -> Dataset:
    """Number the labels and split off the parts that are not there.

    Args:
        name: the data set's name.
        pairs: "train", and "val" and "test" if given, to rows and their labels, numbers or words.
        labels: what a sentence about the labels calls them.

    Raises ValueError when the labels are no classes, there are too few rows, or a size is
    impossible. Labels are no classes when one is missing, numbers have fractions, some are numbers
    and some words, there is one class only, or more than half of the classes have one row only.
    """
    split_off = [part for part in ("val", "test") if part not in pairs]
    rows = len(pairs["train"][1])
    if rows <= len(split_off):
        raise ValueError(
            f"{name} must have {len(split_off) + 1} rows at least, one each for "
            f"{', '.join(['train', *split_off])}, but it has {rows}: add rows."
        )
    values = _classes(name, labels, [y for _, y in pairs.values()])
    numbered = {
        part: (x, np.searchsorted(values, y).astype(np.int64)) for part, (x, y) in pairs.items()
    }
    x, y = numbered["train"]
    order = stratified_order(y, SPLIT_SEED)
    if "test" not in numbered:
        cut = len(y) - max(1, round(_TEST_SHARE * len(y)))
        numbered["test"] = x[order[cut:]], y[order[cut:]]
        order = order[:cut]
    if "val" in numbered:
        x_val, y_val = numbered["val"]
        train = _first(name, "train_size", order, train_size)
        val = _first(name, "val_size", stratified_order(y_val, SPLIT_SEED), val_size)
    else:
        x_val, y_val = x, y
        train, val = train_and_val(
            name, order, train_size=train_size, val_size=val_size, val_share=_VAL_SHARE
        )
    x_test, y_test = numbered["test"]
    return Dataset(
        name=name,
        x_train=x[train],
        y_train=y[train],
        x_val=x_val[val],
        y_val=y_val[val],
        x_test=x_test,
        y_test=y_test,
        classes=len(values),
        labels=tuple(values.tolist()),
    )


def _classes(name: str, labels: str, parts: list[NDArray[Any]]) -> NDArray[Any]:
    """The classes that the labels of all parts name, in their order."""
    kinds = {_kind(y) for y in parts}
    if kinds not in ({_NUMBERS}, {_WORDS}):
        raise ValueError(
            f"{labels} must hold whole numbers only, or words only, but it holds "
            f"{' and '.join(sorted(kinds))}: write all labels in one way."
        )
    y = np.concatenate(parts)
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError(
            f"{labels} must have a label in every row, but {(~np.isfinite(y)).sum():,} are missing "
            "or infinite: leave these rows out."
        )
    if y.dtype.kind == "f" and (y % 1 != 0).any():
        raise ValueError(
            f"{labels} must hold classes, but it holds numbers with fractions: make a few ranges "
            "of them, and a class of each."
        )
    values, counts = np.unique(y, return_counts=True)
    if len(values) < 2:
        raise ValueError(
            f"{name} must have two classes at least, but it has {values.tolist()} only."
        )
    alone = int((counts == 1).sum())
    if 2 * alone > len(values):
        raise ValueError(
            f"{labels} must hold classes, most of them in several rows, but {alone:,} of its "
            f"{len(values):,} have one row only: make a few ranges of numbers, and a class of "
            "each, or add rows of these classes."
        )
    return values


def _kind(y: NDArray[Any]) -> str:
    """What labels are: numbers, words, or the name of another type."""
    if y.dtype.kind in "US":
        return _WORDS
    return _NUMBERS if y.dtype.kind in "buif" else str(y.dtype)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz, none of them by running code in it.

    Raises ValueError, naming the file, when it cannot be read.
    """
    with _readable(path), np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _first(name: str, option: str, order: NDArray[np.int64], size: int | None) -> NDArray[np.int64]:
    if size is None:
        return order
    check_size(name, option, size, len(order))
    return order[:size]


def _read(place: Path) -> dict[str, NDArray[Any]]:
    files = _files(place)
    if files[0].suffix == ".npz":
        return read_npz(files[0])
    return {path.stem: _read_npy(path) for path in files}


def _files(place: Path) -> list[Path]:
    """The .npy files of a place, or its one .npz."""
    if place.suffix == ".npz" and place.is_file():
        return [place]
    if not place.is_dir():
        raise ValueError(f"data_dir must be a folder or an .npz, but {place} is neither.")
    files = sorted(place.glob("*.npy"))
    if files:
        return files
    archives = sorted(place.glob("*.npz"))
    if len(archives) != 1:
        raise ValueError(
            f"data_dir must hold .npy files or exactly one .npz, but {place} holds "
            f"{len(archives)} .npz and no .npy."
        )
    return archives


def _read_npy(path: Path) -> NDArray[Any]:
    with _readable(path):
        array: NDArray[Any] = np.load(path, allow_pickle=False)
        return array


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if str(error).startswith("Object arrays"):
            raise ValueError(
                f"{path} must hold numbers or text, but it holds Python objects: save rows as "
                "numbers, and labels that are text with .astype(str)."
            ) from error
        raise ValueError(f"{path} cannot be read: {error}") from error


def _pair(
    place: Path, part: str, x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Rows and labels [n] of one part."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise ValueError(
            f"x_{part} in {place} must hold rows of one value at least, [n, ...], but its shape is "
            f"{x.shape}: one value a row is [n, 1]."
        )
    if y.ndim != 1 or len(x) != len(y) or len(y) == 0:
        raise ValueError(
            f"{place} must hold one label for each row, but x_{part} and y_{part} have the shapes "
            f"{x.shape} and {y.shape}."
        )
    try:
        return as_rows(x), y
    except ValueError as error:
        raise ValueError(f"x_{part} in {place}: {error}") from error
