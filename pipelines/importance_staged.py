"""The most important parameters first, then the next ones around the winner.

The order is that of the documents (the tier column of caviar spaces); prints each stage's winner.

    python pipelines/importance_staged.py --dataset digits --trials 40
    caviar sweep importance_staged --dataset digits --trials 40
"""

from caviar import Asha, ImportanceStaged, Sweep, main

SWEEP = Sweep(searcher=ImportanceStaged(), scheduler=Asha())

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="importance_staged"))
