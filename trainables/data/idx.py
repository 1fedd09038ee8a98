"""Reading the IDX format of the MNIST family: a magic number, the sizes, then bytes.

Format: http://yann.lecun.com/exdb/mnist/ - big-endian; the magic number is 0, 0, the type (8 for
unsigned bytes) and the number of dimensions, then one 32-bit size for each dimension.
"""

import gzip
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

_UNSIGNED_BYTES = 8


def read_idx(path: Path, rows: int | None = None) -> NDArray[np.uint8]:
    """Read the first `rows` rows of an IDX file of bytes, all of them for None.

    The file is plain, or gzipped and named *.gz. A gzipped file is decompressed only as far as the
    last row asked for; that its rest is there is told by the length gzip notes in its last four
    bytes.

    Returns an array [rows, ...] of uint8.
    Raises ValueError, naming the file, when it is no IDX file, is damaged, cut short, or has fewer
    rows.
    """
    try:
        with _open(path) as file:
            shape = _read_shape(path, file)
            _check_length(path, shape)
            if rows is not None and rows > shape[0]:
                raise ValueError(f"{path} must hold at least {rows:,} rows, but has {shape[0]:,}.")
            wanted = (shape[0] if rows is None else rows, *shape[1:])
            count = int(np.prod(wanted))
            content = file.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}. Fetch this file again.") from error
    if len(content) != count:
        raise _cut_short(path, f"its rows end after {len(content):,} of {count:,} bytes")
    return np.frombuffer(content, dtype=np.uint8).reshape(wanted)


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return open(path, "rb")


def _read_shape(path: Path, file: IO[bytes]) -> tuple[int, ...]:
    """Read the header; leaves the file at the first row."""
    magic = file.read(4)
    if len(magic) != 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTES or magic[3] == 0:
        raise ValueError(
            f"{path} must be an IDX file of bytes and start with 00 00 08, "
            f"but it starts with {magic.hex(' ') or 'nothing'}. Fetch this file again."
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) != 4 * magic[3]:
        raise _cut_short(path, "its header is incomplete")
    return tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))


def _check_length(path: Path, shape: tuple[int, ...]) -> None:
    """Compare the length the header announces with the file's own, without reading the file."""
    announced = 4 + 4 * len(shape) + int(np.prod(shape))
    if path.suffix == ".gz":
        with open(path, "rb") as raw:
            raw.seek(-4, 2)
            length = int.from_bytes(raw.read(4), "little")
        announced %= 2**32  # gzip counts modulo 2^32
    else:
        length = path.stat().st_size
    if length != announced:
        raise _cut_short(
            path, f"its header announces {announced:,} bytes and its end says {length:,}"
        )


def _cut_short(path: Path, detail: str) -> ValueError:
    return ValueError(f"{path} is damaged or cut short: {detail}. Fetch this file again.")
