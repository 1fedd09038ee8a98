"""A Parzen model of whole configurations proposes, successive halving stops the losers early.

The pairing with the least regret on recorded learning curves (benchmarks/results): the model looks
at the highest epoch that enough trials have reached, and learns of trials while they run.

    python pipelines/asha_parzen.py --dataset digits --trials 20
    caviar sweep asha_parzen --dataset digits --trials 20
"""

from caviar import Asha, Parzen, Sweep, main

SWEEP = Sweep(searcher=Parzen(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="asha_parzen"))
