"""Independent random draws, asynchronous successive halving stops the losers early.

The yardstick for every guided search, and hard to beat with many workers.

    python pipelines/random_search.py --dataset digits --trials 20
    caviar sweep random_search --dataset digits --trials 20
"""

from caviar import Asha, Random, Sweep, main

SWEEP = Sweep(searcher=Random(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="random_search"))
