"""Optuna's TPE proposes, asynchronous successive halving stops the losers early.

The first thing to try: many configurations for an epoch, few for all of them, and a model that
learns from every one.

    python pipelines/asha_optuna.py --dataset digits --trials 20
    caviar sweep asha_optuna --dataset digits --trials 20
"""

from caviar import Asha, Optuna, Sweep, main

SWEEP = Sweep(searcher=Optuna(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="asha_optuna"))
