"""Population based training: the weak go on from the weights of the strong, slightly changed.

It finds a schedule of hyperparameters rather than one configuration: learning rate, momentum,
weight decay, dropout and batch size may change as a member trains. --trials is the population.

    python pipelines/pbt.py --dataset digits --trials 8
    caviar sweep pbt --dataset digits --trials 8
"""

from caviar import Pbt, Random, Sweep, main

SWEEP = Sweep(searcher=Random(), scheduler=Pbt(), trials=20)

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="pbt"))
