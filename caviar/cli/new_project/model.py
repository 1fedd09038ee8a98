"""The model and its search space: change both to yours."""

from torch import nn

from caviar import Choice, Float, Int, SearchSpace, TorchTrainable

space = SearchSpace(
    "my_model",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=1e-2),
        Float(name="momentum", low=0.8, high=0.999, scale="log1m", default=0.9),
        Choice(name="batch_size", options=[32, 64, 128], default=64),
        Int(name="hidden_units", low=16, high=256, scale="log", default=64),
        Float(name="dropout", low=0.0, high=0.5, default=0.0),
    ],
)


class MyModel(TorchTrainable):
    """Trained with SGD on cross-entropy, as its base class does; override more if you want."""

    def build_model(self, config, input_shape, classes):
        """The module of one configuration; `input_shape` is that of one row of the data."""
        inputs = 1
        for size in input_shape:
            inputs *= size
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(inputs, config["hidden_units"]),
            nn.ReLU(),
            nn.Dropout(config["dropout"]),
            nn.Linear(config["hidden_units"], classes),
        )
