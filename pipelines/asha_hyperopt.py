"""HyperOpt's TPE proposes, asynchronous successive halving stops the losers early.

HyperOpt narrows later than Optuna does: strong where learning curves are smooth.

    python pipelines/asha_hyperopt.py --dataset digits --trials 20
    caviar sweep asha_hyperopt --dataset digits --trials 20
"""

from caviar import Asha, HyperOpt, Sweep, main

SWEEP = Sweep(searcher=HyperOpt(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="asha_hyperopt"))
