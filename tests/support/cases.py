"""A short training of each part that a loop can be made of: class, hyperparameters, options."""

from trainables import CNNTrainable, ResNetTrainable, TorchTrainable
from trainables.loops import optimizer_names

CASES = {
    "mlp": (TorchTrainable, {"dropout": 0.3, "normalisation": "batch"}, {}),
    "schedule": (TorchTrainable, {"schedule": "cosine", "warmup_epochs": 2}, {}),
    "plateau": (TorchTrainable, {"schedule": "plateau", "loss": "label_smoothing"}, {}),
    "margin": (TorchTrainable, {"loss": "multi_margin", "normalisation": "layer"}, {}),
    "cnn": (CNNTrainable, {"filters": 2, "conv_blocks": 1}, {"augment": "crop_flip"}),
    "resnet": (ResNetTrainable, {"width": 2, "depth": 8}, {"augment": "flip"}),
    "folds": (TorchTrainable, {"dropout": 0.3}, {"folds": 3, "augment": "crop_flip"}),
    "folds of a cnn": (CNNTrainable, {"filters": 2, "conv_blocks": 1}, {"folds": 2}),
    **{name: (TorchTrainable, {"optimizer": name, "weight_decay": 0.1}, {})
       for name in optimizer_names()},
}  # fmt: skip
