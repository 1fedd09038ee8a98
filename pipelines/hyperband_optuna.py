"""Optuna's TPE proposes, HyperBand's brackets stop: some early, some late.

For models that start slowly: a part of the trials is judged only after several epochs.

    python pipelines/hyperband_optuna.py --dataset digits --trials 20
    caviar sweep hyperband_optuna --dataset digits --trials 20
"""

from caviar import HyperBand, Optuna, Sweep, main

SWEEP = Sweep(searcher=Optuna(), scheduler=HyperBand())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="hyperband_optuna"))
