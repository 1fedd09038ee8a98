"""One night's sweep: a Parzen model, successive halving, and a winner checked with fresh seeds.

With the memory of earlier nights it is what `caviar nightly` runs:

    caviar nightly --config schedules/nightly.toml
    python pipelines/nightly.py --config schedules/nightly.toml
    caviar sweep nightly --dataset digits --trials 20      # this one alone
"""

import sys

from caviar import Asha, Parzen, Sweep, main

SWEEP = Sweep(searcher=Parzen(), scheduler=Asha(), finalists=3, final_seeds=3)

if __name__ == "__main__":
    if any(word.partition("=")[0] == "--config" for word in sys.argv[1:]):
        from caviar.nightly import command

        raise SystemExit(command.main())
    raise SystemExit(main(SWEEP, recipe="nightly"))
