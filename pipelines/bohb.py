"""HyperBand's brackets stop, a model of the highest epoch with enough trials proposes: BOHB.

Synchronous brackets as published, here with the joint Parzen model (Falkner et al. 2018, "BOHB:
Robust and Efficient Hyperparameter Optimization at Scale"). No rung is decided before all of a
bracket are there, and brackets with late first rungs give slow starters their epochs.

    python pipelines/bohb.py --dataset digits --trials 20
    caviar sweep bohb --dataset digits --trials 20
"""

from caviar import HyperBand, Parzen, Sweep, main

SWEEP = Sweep(searcher=Parzen(), scheduler=HyperBand(synchronous=True))

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="bohb"))
