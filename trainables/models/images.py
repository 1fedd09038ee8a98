"""Rows that are images."""

from collections.abc import Sequence

from torch import Tensor, nn


class AsImages(nn.Module):
    """Gives grey images [n, height, width] their one channel: [n, 1, height, width]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1) if x.dim() == 3 else x


def image_size(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, height and width of rows (height, width) or (channels, height, width).

    Raises ValueError for other shapes.
    """
    if len(input_shape) == 2:
        return 1, input_shape[0], input_shape[1]
    if len(input_shape) == 3:
        return input_shape[0], input_shape[1], input_shape[2]
    raise ValueError(
        "A convolutional network needs images, rows of (height, width) or (channels, height, "
        f"width), but the rows have the shape {tuple(input_shape)}. Use an MLP."
    )
