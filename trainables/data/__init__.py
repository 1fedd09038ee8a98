"""Data sets as numpy arrays. Importing this package imports numpy and nothing heavier."""

from trainables.data.catalogue import check, load, names
from trainables.data.dataset import Column, Dataset
from trainables.data.download import DataUnavailableError
from trainables.data.fashion_mnist import find_fashion_mnist
from trainables.data.table import load_table

__all__ = [
    "Column",
    "DataUnavailableError",
    "Dataset",
    "check",
    "find_fashion_mnist",
    "load",
    "load_table",
    "names",
]
