"""Flips and crops by hand, seeded, the same after a resume."""

import pytest
import torch

from trainables import CNNTrainable, TorchTrainable, TrialOptions
from trainables.loops.augmentation import Augmentation, _cut

IMAGE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("down", "right", "expected"),
    [
        (1, 1, [[1, 2], [3, 4]]),  # the margin of one zero exactly
        (2, 1, [[3, 4], [0, 0]]),
        (1, 0, [[0, 1], [0, 3]]),
        (0, 2, [[0, 0], [2, 0]]),
        (0, 0, [[0, 0], [0, 1]]),
        (2, 2, [[4, 0], [0, 0]]),
    ],
)
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_crops_by_hand(down, right, expected, channels):
    x = IMAGE if channels is None else IMAGE.repeat(channels, 1, 1)
    found = _cut(x.unsqueeze(0), torch.tensor([down]), torch.tensor([right]))
    assert found.shape == (1, *x.shape)
    wanted = torch.tensor(expected, dtype=torch.float32)
    assert torch.equal(found, wanted.expand(found.shape))


def test_images_that_are_not_square():
    x = torch.arange(2 * 3 * 16 * 5.0).view(2, 3, 16, 5)
    middle = torch.tensor([2, 2]), torch.tensor([1, 1])  # an eighth of 16, and at least a pixel
    assert torch.equal(_cut(x, *middle), x)


@pytest.mark.parametrize(("side", "margin"), [(32, 4), (28, 4), (8, 1), (224, 28)])
def test_the_margin_goes_with_the_size_of_the_image(side, margin):
    x = torch.ones(2000, side, 2)
    augment = Augmentation("crop", rows=2000, sides=(side, 2), seed=0, device="cpu")
    augment.begin(1)
    lost = side - augment(x, slice(0, len(x))).amax(2).sum(1)  # rows that were pushed out
    assert lost.max() == margin
    assert lost.min() == 0


@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 2)])
def test_about_every_second_image_is_flipped_left_to_right(shape):
    x = IMAGE.expand(400, *shape).contiguous()
    augment = Augmentation("flip", rows=400, sides=(2, 2), seed=0, device="cpu")
    augment.begin(1)
    found = augment(x, slice(0, len(x)))
    flipped = (found == x.flip(-1)).flatten(1).all(1)
    kept = (found == x).flatten(1).all(1)
    assert torch.equal(flipped, ~kept)
    assert 160 < flipped.sum() < 240


@pytest.mark.parametrize("name", ["flip", "crop", "crop_flip"])
def test_chance_follows_from_seed_and_epoch(name):
    x = torch.rand(20, 1, 6, 6)

    def epoch(number, seed=0, batch=20):
        augment = Augmentation(name, rows=20, sides=(6, 6), seed=seed, device="cpu")
        augment.begin(number)
        return torch.cat(
            [augment(x[i : i + batch], slice(i, i + batch)) for i in range(0, 20, batch)]
        )

    torch.rand(3)
    assert torch.equal(epoch(1), epoch(1))
    assert torch.equal(epoch(1), epoch(1, batch=7)), "the batches must not matter"
    assert not torch.equal(epoch(1), epoch(2))
    assert not torch.equal(epoch(1), epoch(1, seed=1))
    assert not torch.equal(epoch(1), x)


def test_training_rows_are_changed_and_validation_rows_are_not(build, digits):
    """A model that reports what it sees."""
    seen = {True: [], False: []}

    class Spy(CNNTrainable):
        def build_model(self, config, input_shape, classes):
            model = super().build_model(config, input_shape, classes)
            model.register_forward_pre_hook(lambda m, args: seen[m.training].append(args[0]))
            return model

    for augment in ("none", "crop"):
        seen[True].clear()
        seen[False].clear()
        build(Spy, {"augment": augment, "filters": 2}, data=digits).step()
        rows = torch.cat(seen[True]).flatten(1).sum(1).sort().values
        original = torch.from_numpy(digits.x_train).flatten(1).sum(1).sort().values
        assert torch.equal(rows, original) == (augment == "none")
        assert torch.equal(torch.cat(seen[False]), torch.from_numpy(digits.x_val))


def test_refused(build, digits):
    with pytest.raises(ValueError, match=r"Unknown augment 'flips'. Did you mean 'flip'\?"):
        TrialOptions(max_epochs=1, augment="flips")
    with pytest.raises(ValueError, match=r"Unknown augment 'crops'. Did you mean 'crop'\?"):
        build(CNNTrainable, {"augment": "crops"}, data=digits)
    with pytest.raises(ValueError, match=r"augment changes images, but .* the shape \(2,\)"):
        build(TorchTrainable, {"augment": "crop"})
