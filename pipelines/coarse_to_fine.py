"""Random search of the broad space, then closer around the best, stage by stage.

Prints how each stage narrows each range.

    python pipelines/coarse_to_fine.py --dataset digits --trials 40 --searcher.stages 4
    caviar sweep coarse_to_fine --dataset digits --trials 40 --searcher.stages 4
"""

from caviar import Asha, CoarseToFine, Sweep, main

SWEEP = Sweep(searcher=CoarseToFine(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="coarse_to_fine"))
