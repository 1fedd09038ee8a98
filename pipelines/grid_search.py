"""Every combination of a few values, each trained to the end.

For few parameters: fix the others (--fix learning_rate=0.01 ...) or the grid explodes.

    python pipelines/grid_search.py --dataset digits --trials 20
    caviar sweep grid_search --dataset digits --trials 20
"""

from caviar import Grid, NoStopping, Sweep, main

SWEEP = Sweep(searcher=Grid(), scheduler=NoStopping())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="grid_search"))
