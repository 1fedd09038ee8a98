"""Fashion-MNIST: 70,000 grey images of 28 x 28 pixels, ten kinds of clothes (arXiv:1708.07747)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Dataset
from trainables.data.download import cache_directory, download
from trainables.data.idx import read_idx
from trainables.data.sizes import check_size

DEBIAN_DIRECTORY = Path("/usr/share/datasets/fashion-mnist")
BASE_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# The authors publish MD5 sums (https://github.com/zalandoresearch/fashion-mnist). These are the
# SHA-256 sums of the files with exactly those MD5 sums, rebuilt from Debian's, which differ from
# them by name and time in the gzip header only.
SHA256 = {
    f"{name}-ubyte.gz": checksum
    for name, checksum in (
        ("train-images-idx3", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        ("train-labels-idx1", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        ("t10k-images-idx3", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        ("t10k-labels-idx1", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
}
_TRAINING_IMAGES = 60_000
_TRAIN_ROWS = 50_000
_VAL_ROWS = 10_000
_TEST_ROWS = 10_000
_LABELS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_CLASSES = len(_LABELS)


def find_fashion_mnist(data_dir: str | None = None) -> Path | None:
    """The directory with the four IDX files, or None when this machine has none and must download.

    A given `data_dir` is the only place looked at. Otherwise these are, in turn: the cache of
    downloads ($CAVIAR_DATA/fashion_mnist, or caviar/fashion_mnist in the user's cache) and Debian's
    package.

    Raises ValueError when `data_dir` is given and lacks a file.
    """
    if data_dir is None:
        places = (_download_directory(), DEBIAN_DIRECTORY)
        return next((place for place in places if not _missing(place)), None)
    place = Path(data_dir).expanduser()
    if not place.is_dir():
        raise ValueError(f"data_dir must be a directory with Fashion-MNIST, but {place} is none.")
    missing = _missing(place)
    if missing:
        raise ValueError(
            f"data_dir must hold the four files of Fashion-MNIST, but {place} lacks "
            f"{', '.join(missing)}. Put the missing files there, or leave data_dir out."
        )
    return place


def check_fashion_mnist(data_dir: str | None, train_size: int | None, val_size: int | None) -> None:
    """Raise ValueError for impossible sizes, and for a data_dir that lacks a file."""
    _rows(train_size, val_size)
    find_fashion_mnist(data_dir)


def _rows(train_size: int | None, val_size: int | None) -> tuple[int, int]:
    """The rows to train and to validate with."""
    train_rows = _TRAIN_ROWS if train_size is None else train_size
    check_size("fashion_mnist", "train_size", train_rows, _TRAINING_IMAGES - 1)
    left = _TRAINING_IMAGES - train_rows
    val_rows = min(_VAL_ROWS, left) if val_size is None else val_size
    check_size("fashion_mnist", f"val_size (beside {train_rows:,} to train)", val_rows, left)
    return train_rows, val_rows


def load_fashion_mnist(
    data_dir: str | None, train_size: int | None, val_size: int | None
) -> Dataset:
    """Load Fashion-MNIST as [n, 28, 28]; downloads it where `find_fashion_mnist` finds nothing.

    Training takes the first `train_size` of the 60,000 training images (50,000), validation the
    next `val_size` (10,000, or what is left), test the 10,000 test images.

    Raises:
        ValueError: a size is impossible, or a file is missing or damaged.
        DataUnavailableError: the download failed.
    """
    train_rows, val_rows = _rows(train_size, val_size)
    place = find_fashion_mnist(data_dir)
    if place is None:
        place = _download_directory()
        download("fashion_mnist", BASE_URL, SHA256, place, package="dataset-fashion-mnist")
    x, y = _read_part(place, "train", train_rows + val_rows)
    x_test, y_test = _read_part(place, "t10k", _TEST_ROWS)
    return Dataset(
        name="fashion_mnist",
        x_train=x[:train_rows],
        y_train=y[:train_rows],
        x_val=x[train_rows:],
        y_val=y[train_rows:],
        x_test=x_test,
        y_test=y_test,
        classes=_CLASSES,
        labels=_LABELS,
    )


def _download_directory() -> Path:
    return cache_directory() / "fashion_mnist"


def _missing(place: Path) -> list[str]:
    return [name for name in SHA256 if not _file(place, name).is_file()]


def _file(place: Path, name: str) -> Path:
    """The gzipped file, or its unpacked twin where only that is there."""
    plain = place / name.removesuffix(".gz")
    return plain if plain.is_file() and not (place / name).is_file() else place / name


def _read_part(place: Path, part: str, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read the first rows of "train" or "t10k": images [rows, 28, 28] in 0 .. 1, labels [rows]."""
    images_path = _file(place, f"{part}-images-idx3-ubyte.gz")
    labels_path = _file(place, f"{part}-labels-idx1-ubyte.gz")
    images = read_idx(images_path, rows)
    labels = read_idx(labels_path, rows)
    if images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_path} must hold images of 28 x 28, but their shape is {images.shape[1:]}."
        )
    if labels.shape != (rows,) or labels.max() >= _CLASSES:
        raise ValueError(
            f"{labels_path} must hold one label of 0 .. {_CLASSES - 1} a row, "
            f"but its shape is {labels.shape} and its largest value {labels.max()}."
        )
    return np.multiply(images, np.float32(1 / 255), dtype=np.float32), labels.astype(np.int64)
