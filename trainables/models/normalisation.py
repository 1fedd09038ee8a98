"""The normalisation layers a configuration can name."""

from collections.abc import Callable

from torch import nn

from trainables.checks import one_of

_CHANNELS_A_GROUP = (
    16  # the other setting of Wu and He (2018); theirs of 32 groups needs wide layers
)


def _group(channels: int) -> nn.Module:
    groups = channels // _CHANNELS_A_GROUP if channels % _CHANNELS_A_GROUP == 0 else 1
    return nn.GroupNorm(groups, channels)


_FLAT: dict[str, Callable[[int], nn.Module] | None] = {
    "none": None,
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "group": _group,
}
# Over channels and pixels, as for images: nn.LayerNorm would need the height and width.
_IMAGES = {**_FLAT, "batch": nn.BatchNorm2d, "layer": lambda channels: nn.GroupNorm(1, channels)}


def normalisation_names() -> list[str]:
    """The names `normalisation` knows."""
    return list(_FLAT)


def normalisation(name: str, channels: int, *, images: bool) -> nn.Module | None:
    """A fresh normalisation layer; None for "none".

    Args:
        name: none; batch (Ioffe and Szegedy 2015); layer (Ba et al. 2016), over all channels of a
            row; group (Wu and He 2018), over groups of 16 channels, of all where 16 does not
            divide them.
        channels: size of dimension 1.
        images: True for [n, channels, height, width], False for [n, channels].

    Raises ValueError for an unknown name.
    """
    kinds = _IMAGES if images else _FLAT
    kind = kinds[one_of("normalisation", name, kinds)]
    return None if kind is None else kind(channels)
