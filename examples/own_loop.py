"""A loop of your own: a generator that yields metrics and a state at the end of each epoch.

caviar sweep random_search --trainable own_loop:OwnLoop
"""

import torch
from torch import nn, utils

from caviar import GeneratorTrainable, Sweep, run


class OwnLoop(GeneratorTrainable):
    metrics = ("train_loss", "val_accuracy")

    def run_epochs(self, config, data, state, epochs):
        x_val, y_val = torch.tensor(data.x_val), torch.tensor(data.y_val)
        train = utils.data.TensorDataset(torch.tensor(data.x_train), torch.tensor(data.y_train))
        rows = utils.data.DataLoader(train, batch_size=config["batch_size"], shuffle=True)
        hidden = [nn.Linear(x_val[0].numel(), config["units_1"]), nn.ReLU()]
        model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(config["units_1"], data.classes))
        optimizer = torch.optim.SGD(model.parameters(), config["learning_rate"], momentum=0.9)
        if state is not None:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            optimizer.param_groups[0]["lr"] = config["learning_rate"]  # a fork has its own
        for _ in epochs:
            for x, y in rows:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            accuracy = (model(x_val).argmax(1) == y_val).float().mean()
            metrics = {"train_loss": loss.item(), "val_accuracy": accuracy.item()}
            yield metrics, {"model": model.state_dict(), "optimizer": optimizer.state_dict()}


if __name__ == "__main__":
    run(Sweep(trainable=OwnLoop, dataset="digits", trials=8, max_epochs=9))
