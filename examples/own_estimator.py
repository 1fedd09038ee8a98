"""Estimators of scikit-learn: one that learns on, and one that is fitted anew with more trees.

caviar sweep random_search --trainable own_estimator:Estimator --space own_estimator:space
"""

from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import SGDClassifier

from caviar import Choice, EstimatorTrainable, Float, Int, Is, SearchSpace, Sweep, run

FOREST = Is("kind", "forest")
space = SearchSpace(
    "own_estimator",
    [
        Choice(name="kind", options=["linear", "forest"], default="linear", tier=1),
        Float(name="alpha", low=1e-6, high=1e-1, scale="log", tier=2, when=Is("kind", "linear")),
        Int(name="leaf", low=1, high=20, scale="log", default=1, tier=2, when=FOREST),
    ],
)


class Estimator(EstimatorTrainable):
    def build_estimator(self, config, epoch):
        seed = self.trial.seed % 2**32
        if config.get("kind") == "forest":  # fitted anew each epoch, with five trees more
            leaf = config["leaf"]
            return ExtraTreesClassifier(5 * epoch, min_samples_leaf=leaf, random_state=seed)
        return SGDClassifier(alpha=config.get("alpha", 1e-4), random_state=seed)  # has partial_fit


if __name__ == "__main__":
    run(Sweep(trainable=Estimator, space=space, dataset="digits", trials=8, max_epochs=9))
