"""The sweep: which data, who searches, which trials are stopped early, and the budget.

python sweep.py                       every option: python sweep.py --help
python sweep.py --trials 100 --dataset arrays --data-dir FOLDER
"""

from model import MyModel, space

from caviar import Asha, Parzen, Sweep, main

SWEEP = Sweep(
    trainable=MyModel,
    space=space,
    dataset="digits",
    trials=30,
    max_epochs=27,
    searcher=Parzen(),
    scheduler=Asha(),
)

if __name__ == "__main__":
    raise SystemExit(main(SWEEP, recipe="sweep"))
