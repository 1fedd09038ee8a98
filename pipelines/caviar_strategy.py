"""Many models in parallel, each trained to the end: the best learning curve wins.

The caviar strategy (A. Ng, "Tuning Process"), for whom has many machines; its opposite, the panda,
babysits one model. Prints the best learning curves at the end.

    python pipelines/caviar.py --dataset digits --trials 20
    caviar sweep caviar --dataset digits --trials 20
"""

from caviar import NoStopping, QuasiRandom, Sweep, main

SWEEP = Sweep(searcher=QuasiRandom(), scheduler=NoStopping())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="caviar"))
