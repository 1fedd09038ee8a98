"""Points that fill the space evenly, asynchronous successive halving stops the losers early.

As good as random search at its worst, and better where few of the parameters matter: with 50 trials
no part of a range is left out. Say --trials 64 or another power of two.

    python pipelines/quasi_random_search.py --dataset digits --trials 20
    caviar sweep quasi_random_search --dataset digits --trials 20
"""

from caviar import Asha, QuasiRandom, Sweep, main

SWEEP = Sweep(searcher=QuasiRandom(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="quasi_random_search"))
