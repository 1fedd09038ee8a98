"""One model, babysat: train a quantum, look at the curve, adjust, keep the best, go on.

The panda strategy (A. Ng, "Tuning Process"), for whom has one machine and a big model. On a
plateau, divergence or overfitting the last good checkpoint is forked with documented adjustments;
every decision is printed, and logged in decisions.log. Tomorrow night it goes on with --resume.

    python pipelines/panda.py --dataset digits --max-epochs 40
    caviar sweep panda --dataset digits --scheduler.quantum-hours 8 --time-budget 28800
"""

from caviar import Panda, Random, Sweep, main

SWEEP = Sweep(searcher=Random(), scheduler=Panda(), trials=1, max_epochs=100)

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="panda"))
