"""Job J1 with Caviar: the pairing of the recipe asha_parzen.

python -m overhead_parts.j1_ours FOLDER SPAWNED SECONDS SEED
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

from caviar import Sweep, run
from caviar.base.objective import Objective
from caviar.schedulers import Asha
from caviar.searchers import Parzen
from caviar.store.history import History
from overhead_parts import children, j1_job


def main(folder: Path, spawned: float, seconds: float, seed: int) -> None:
    space = j1_job.space()
    started = time.time()
    found = run(
        Sweep(
            dataset="fashion_mnist",
            train_size=j1_job.TRAIN_ROWS,
            val_size=j1_job.VAL_ROWS,
            standardise=False,
            space=space,
            trainable="overhead_parts.j1_trainable:J1Trainable",
            trials=None,
            max_epochs=j1_job.MAX_EPOCHS,
            time_budget=seconds + j1_job.AFTER - (started - spawned),
            concurrent=j1_job.WORKERS,
            seed=seed,
            storage=folder,
            name="ours",
            searcher=Parzen(),
            scheduler=Asha(reduction_factor=j1_job.REDUCTION_FACTOR),
        )
    )
    history = History(found.folder, name="ours", objective=Objective("val_accuracy", "max"))
    results = [
        [
            started + report.at - spawned,
            str(record.number),
            report.metrics["val_accuracy"],
            record.config["batch_size"],
        ]
        for record in history.records().values()
        for report in record.reports
        if math.isfinite(report.metrics["val_accuracy"])
    ]
    history.close()
    children.answer(folder, {"results": sorted(results), "driver_cpu_seconds": time.process_time()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
