"""What can be known before a night of training: python -m pytest"""

import numpy as np
import pytest
import torch
from model import MyModel, space

RNG = np.random.default_rng(0)
CONFIGS = [space.default(), *(space.sample(RNG) for _ in range(20))]


@pytest.mark.parametrize("config", CONFIGS)
def test_every_configuration_builds_a_model_that_learns_from_a_batch(config):
    model = MyModel.build_model(None, config, input_shape=(8, 8), classes=10)
    logits = model(torch.zeros(4, 8, 8))
    assert logits.shape == (4, 10)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
