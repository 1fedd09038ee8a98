"""Images as they lie in files, to rows that a network takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHANNELS = (1, 3, 4)  # grey, colour, colour with transparency
_WHITE = np.float32(1 / 255)


def as_rows(x: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of float32; bytes become 0 .. 1, other numbers stay as they are.

    Of images [n, a, b, c] with 1, 3 or 4 channels last and not first, the channels go first; a
    single channel is dropped. Any other shape stays.

    Raises ValueError when a value is infinite, beyond the range of float32 or not a number, or the
    values are no numbers.
    """
    if x.dtype.kind not in "buif":
        raise ValueError(f"rows must be numbers, but they are of type {x.dtype}.")
    if x.ndim == 4 and x.shape[1] not in _CHANNELS and x.shape[3] in _CHANNELS:
        x = x.transpose(0, 3, 1, 2)
    if x.ndim == 4 and x.shape[1] == 1:
        x = x[:, 0]
    if x.dtype == np.uint8:
        bright: NDArray[np.float32] = np.multiply(x, _WHITE, dtype=np.float32, order="C")
        return bright
    with np.errstate(over="ignore"):  # refused below
        rows = np.ascontiguousarray(x, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ValueError(
            "rows must be finite and within ±3.4e38, the range of float32, but some values are "
            "beyond it, infinite or not a number: put them right, or leave these rows out."
        )
    return rows
