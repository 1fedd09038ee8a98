"""Random changes of training images, a batch at a time, on the device the images are on."""

import torch
from torch import Tensor
from torch.nn import functional

from trainables.checks import one_of
from trainables.loops.seeding import AUGMENTATION, derive_seed
from trainables.options import AUGMENTATIONS

_MARGIN = 1 / 8  # of a side: the 4 pixels of He et al. (2015) for the 32 of CIFAR-10


class Augmentation:
    """Flips and shifts images [n, height, width] or [n, channels, height, width].

    All of an epoch's chance is drawn at its start, on the CPU, from the seed and the epoch: it is
    the same on every device and after a resume.

    Args:
        name: one of "flip" (left to right, every second image), "crop" (an image-sized cut out of
            the image with a margin of zeros, an eighth of its side and at least one pixel),
            "crop_flip".
        rows: images an epoch.
        sides: height and width of an image, in pixels.
        seed: of the trial.
        device: where the images are.
    """

    def __init__(
        self,
        name: str,
        *,
        rows: int,
        sides: tuple[int, int],
        seed: int,
        device: torch.device | str,
    ) -> None:
        one_of("augment", name, AUGMENTATIONS)
        self._crops = name in ("crop", "crop_flip")
        self._flips = name in ("flip", "crop_flip")
        self._rows = rows
        self._sides = sides
        self._seed = seed
        self._device = torch.device(device)

    def begin(self, epoch: int) -> None:
        """Draw what happens to each image of an epoch, by its place in the epoch's order."""
        generator = torch.Generator().manual_seed(derive_seed(self._seed, AUGMENTATION, epoch))
        shifts = torch.stack(
            [
                torch.randint(0, 2 * _margin(side) + 1, (self._rows,), generator=generator)
                for side in self._sides
            ]
        )
        flips = torch.rand(self._rows, generator=generator) < 0.5
        self._shifts = shifts.to(self._device)
        self._flipped = flips.to(self._device)

    def __call__(self, x: Tensor, places: slice | Tensor) -> Tensor:
        """Change the images with these places in the epoch's order."""
        if self._crops:
            x = _cut(x, *self._shifts[:, places])
        if self._flips:
            flipped = self._flipped[places].view(-1, *[1] * (x.dim() - 1))
            x = torch.where(flipped, x.flip(-1), x)
        return x


def _margin(side: int) -> int:
    """Pixels of zeros at either end of a side.

    >>> _margin(32), _margin(28), _margin(8), _margin(3)
    (4, 4, 1, 1)
    """
    return max(1, round(side * _MARGIN))


def _cut(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Cut out of each image with its margin, from `down` and `right` pixels of the corner."""
    images = x if x.dim() == 4 else x.unsqueeze(1)
    count, _, height, width = images.shape
    along, across = _margin(height), _margin(width)
    padded = functional.pad(images, (across, across, along, along))
    rows = down.view(-1, 1) + torch.arange(height, device=x.device)
    columns = right.view(-1, 1) + torch.arange(width, device=x.device)
    which = torch.arange(count, device=x.device).view(-1, 1, 1)
    # Indices around a slice put their own dimensions first: [n, height, width, channels].
    cut = padded[which, :, rows.unsqueeze(2), columns.unsqueeze(1)]
    return cut.permute(0, 3, 1, 2).reshape(x.shape)
