"""A model of your own: subclass TorchTrainable and override build_model.

caviar sweep random_search --trainable own_model:OwnModel --space own_model:space
"""

from torch import nn

from caviar import Choice, Float, Int, SearchSpace, Sweep, TorchTrainable, run

space = SearchSpace(
    "own_model",
    [
        Float(name="learning_rate", low=1e-4, high=1.0, scale="log", default=1e-2, tier=1),
        Choice(name="optimizer", options=["sgd", "adamw"], default="adamw", tier=2),
        Int(name="memory", low=8, high=64, scale="log", default=32, tier=2),
    ],
)


class OwnModel(TorchTrainable):
    def build_model(self, config, input_shape, classes):
        return RowByRow(input_shape[-1], int(config.get("memory", 32)), classes)


class RowByRow(nn.Module):
    def __init__(self, width, memory, classes):
        super().__init__()
        self.reader = nn.GRU(width, memory, batch_first=True)
        self.output = nn.Linear(memory, classes)

    def forward(self, x):
        return self.output(self.reader(x)[0][:, -1])


if __name__ == "__main__":
    run(Sweep(trainable=OwnModel, space=space, dataset="digits", trials=8, max_epochs=9))
