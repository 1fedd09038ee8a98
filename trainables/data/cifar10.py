"""CIFAR-10: 60,000 colour images of 32 x 32 pixels, ten kinds (Krizhevsky 2009).

https://www.cs.toronto.edu/~kriz/cifar.html describes both published archives. The binary one is
downloaded: the other holds pickles, which are read here by an unpickler that builds arrays alone.
"""

import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.arrays import read_npz
from trainables.data.dataset import Dataset
from trainables.data.download import cache_directory, download
from trainables.data.images import as_rows
from trainables.data.splits import SPLIT_SEED, stratified_order, train_and_val

BASE_URL = "https://www.cs.toronto.edu/~kriz/"
BINARY = "cifar-10-binary.tar.gz"
PYTHON = "cifar-10-python.tar.gz"
# The page publishes MD5 sums (c32a1d4ab5d03f1284b67883e8d87530 for the binary archive); this is the
# SHA-256 of the archive with that sum.
SHA256 = {BINARY: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_FILES = (*_BATCHES, _TEST)
_PIXELS = 3 * 32 * 32
_LABELS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_CLASSES = len(_LABELS)
_VAL_SHARE = 0.1

_Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_cifar10(data_dir: str | None, train_size: int | None, val_size: int | None) -> Dataset:
    """Load CIFAR-10 as [n, 3, 32, 32] in 0 .. 1; downloads the binary archive where it is missing.

    Training and validation are a fixed, stratified split of the 50,000 training images (45,000 and
    5,000); test is the 10,000 test images.

    Args:
        data_dir: a directory with the files of either archive, unpacked or not, or with an .npz of
            x_train, y_train, x_test, y_test (a subset, say), or that .npz itself. None looks into
            the cache of downloads, then downloads.
        train_size: rows to train with.
        val_size: rows to validate with.

    Raises:
        ValueError: a size is impossible, or a file is missing or damaged.
        DataUnavailableError: the download failed.
    """
    if data_dir is None:
        place = cache_directory() / "cifar10"
        if not (place / BINARY).is_file():
            download("cifar10", BASE_URL, SHA256, place)
    else:
        place = Path(data_dir).expanduser()
    (x, y), (x_test, y_test) = _read(place)
    train, val = train_and_val(
        "cifar10",
        stratified_order(y, SPLIT_SEED),
        train_size=train_size,
        val_size=val_size,
        val_share=_VAL_SHARE,
    )
    return Dataset(
        name="cifar10",
        x_train=as_rows(x[train]),
        y_train=y[train],
        x_val=as_rows(x[val]),
        y_val=y[val],
        x_test=as_rows(x_test),
        y_test=y_test,
        classes=_CLASSES,
        labels=_LABELS,
    )


def _read(place: Path) -> tuple[_Images, _Images]:
    """The training and the test images of whatever form of the data set lies in a place."""
    if place.suffix == ".npz":
        return _of_npz(place)
    for folder in (place, place / "cifar-10-batches-bin", place / "cifar-10-batches-py"):
        if (folder / f"{_TEST}.bin").is_file():
            return _of_batches({name: _binary(folder / f"{name}.bin") for name in _FILES})
        if (folder / _TEST).is_file():
            return _of_batches({name: _python(folder / name) for name in _FILES})
    for archive in (place / BINARY, place / PYTHON):
        if archive.is_file():
            return _of_archive(archive)
    found = sorted(place.glob("*.npz"))
    if len(found) == 1:
        return _of_npz(found[0])
    raise ValueError(
        f"data_dir must hold CIFAR-10, but {place} has neither {BINARY}, {PYTHON}, their unpacked "
        "folders, nor exactly one .npz. Put one of them there, or leave data_dir out."
    )


def _of_batches(parts: Mapping[str, _Images]) -> tuple[_Images, _Images]:
    x = np.concatenate([parts[name][0] for name in _BATCHES])
    y = np.concatenate([parts[name][1] for name in _BATCHES])
    return (x, y), parts[_TEST]


def _of_archive(path: Path) -> tuple[_Images, _Images]:
    """Read the files of an archive without unpacking it to the disk."""
    binary = path.name == BINARY
    folder = "cifar-10-batches-bin" if binary else "cifar-10-batches-py"
    try:
        with tarfile.open(path) as archive:
            contents = {
                name: _member(archive, f"{folder}/{name}{'.bin' if binary else ''}")
                for name in _FILES
            }
    except (OSError, EOFError, KeyError, tarfile.TarError) as error:
        raise ValueError(f"{path} is damaged: {error}. Fetch this file again.") from error
    parse = _parse_binary if binary else _parse_python
    return _of_batches({name: parse(path / name, contents[name]) for name in _FILES})


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"{name} is no file")
    return file.read()


def _binary(path: Path) -> _Images:
    return _parse_binary(path, _content(path))


def _python(path: Path) -> _Images:
    return _parse_python(path, _content(path))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}. Fetch this file again.") from error


def _parse_binary(path: Path, content: bytes) -> _Images:
    """Records of a label and 3 x 32 x 32 bytes."""
    if len(content) == 0 or len(content) % (_PIXELS + 1):
        raise ValueError(
            f"{path} must hold records of {_PIXELS + 1:,} bytes, but it has {len(content):,}. "
            "Fetch this file again."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _PIXELS + 1)
    return _checked(path, records[:, 1:], records[:, 0])


def _parse_python(path: Path, content: bytes) -> _Images:
    """A pickled dictionary of data, bytes [n, 3072], and labels, a list."""
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        data, labels = batch[b"data"], np.asarray(batch[b"labels"])
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no batch of CIFAR-10: {error}. Fetch it again.") from error
    return _checked(path, data, labels)


class _ArraysOnly(pickle.Unpickler):
    """Builds numpy arrays and plain values, and runs no code that a file brings."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        # Its module has another name since numpy 2.
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which no array needs")


def _checked(path: Path, data: Any, labels: NDArray[Any]) -> _Images:
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2:
        raise ValueError(f"{path} must hold rows of bytes, but it does not. Fetch it again.")
    if data.shape != (len(labels), _PIXELS) or labels.min() < 0 or labels.max() >= _CLASSES:
        raise ValueError(
            f"{path} must hold one label of 0 .. {_CLASSES - 1} for each row of {_PIXELS:,} bytes, "
            f"but its rows are {data.shape} and its labels {labels.min()} .. {labels.max()}."
        )
    return data.reshape(-1, 3, 32, 32), labels.astype(np.int64)


def _of_npz(path: Path) -> tuple[_Images, _Images]:
    found = read_npz(path)
    try:
        parts = [(found[f"x_{part}"], found[f"y_{part}"]) for part in ("train", "test")]
    except KeyError as error:
        raise ValueError(
            f"{path} must hold x_train, y_train, x_test, y_test, not {error}."
        ) from None
    images = []
    for x, y in parts:
        if x.dtype != np.uint8 or x.shape[1:] not in ((32, 32, 3), (3, 32, 32)):
            raise ValueError(
                f"{path} must hold bytes [n, 32, 32, 3], but it has {x.dtype} {list(x.shape)}."
            )
        flat = x if x.shape[1] == 3 else x.transpose(0, 3, 1, 2)
        images.append(_checked(path, flat.reshape(len(x), -1), y))
    return images[0], images[1]
