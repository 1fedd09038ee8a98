"""What a sweep is asked to train on is checked before anything is read: `data.check`."""

import pandas as pd
import pytest

from trainables import data


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fashion-mnist", {}, r"Unknown data set 'fashion-mnist'. Did you mean 'fashion_mnist'\?"),
        ("digits", {"data_dir": "/data"}, "reads no directory, but data_dir is '/data'"),
        ("digits", {"train_size": 1078}, r"train_size of digits .* 1 .. 1,077, but it is 1,078"),
        ("digits", {"val_size": 0}, r"val_size of digits .* 1 .. 360, but it is 0"),
        ("fashion_mnist", {"train_size": 60_000}, "1 .. 59,999, but it is 60,000"),
        ("fashion_mnist", {"train_size": 50_000, "val_size": 10_001}, "1 .. 10,000, .* 10,001"),
        ("fashion_mnist", {"data_dir": "/nowhere"}, "/nowhere is none"),
        ("arrays", {}, "read from a place of yours: give data_dir a folder with .npy files"),
        ("arrays", {"data_dir": "/nowhere"}, "a folder or an .npz, but /nowhere is neither"),
        ("arrays", {"data_dir": "/nowhere.npz"}, "but /nowhere.npz is neither"),
        ("table", {}, "read from a file of yours: give data_dir a .csv or a .parquet"),
        ("table", {"data_dir": "/nowhere.csv"}, r"but there is no /nowhere\.csv"),
        (
            "digits",
            {"target": "kind"},
            "target names a column .* digits has none, but it is 'kind'",
        ),
    ],
)
def test_the_check_refuses_as_loading_does(name, options, message):
    with pytest.raises(ValueError, match=message):
        data.check(name, **options)
    with pytest.raises(ValueError, match=message):
        data.load(name, **options)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_columns_of_a_table_are_checked_without_its_rows(tmp_path, suffix):
    frame = pd.DataFrame({"length": [0.5, 1.5] * 20, "kind": ["a", "b"] * 20})
    place = str(tmp_path / f"rows{suffix}")
    frame.to_csv(place, index=False) if suffix == ".csv" else frame.to_parquet(place)
    for ask in (data.check, data.load):
        with pytest.raises(
            ValueError, match=r"no column 'knid'. Did you mean 'kind'\? It has leng"
        ):
            ask("table", data_dir=place, target="knid")
        with pytest.raises(ValueError, match=r"Name the target, .*: one of length, kind"):
            ask("table", data_dir=place)
    data.check("table", data_dir=place, target="kind")
    assert data.load("table", data_dir=place, target="kind").classes == 2


def test_numbers_with_fractions_are_no_classes(tmp_path):
    frame = pd.DataFrame({"length": [0.5, 1.5] * 20, "kind": [1.0, 2.0] * 20})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(ValueError, match=r"'length' of .* must hold classes, but it holds numbers"):
        data.load("table", data_dir=str(tmp_path), target="length")
    assert data.load("table", data_dir=str(tmp_path), target="kind").classes == 2


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_damaged_table(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=f"{name} cannot be read"):
        data.check("table", data_dir=str(tmp_path), target="kind")


def test_a_folder_of_arrays_passes(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"")
    data.check("arrays", data_dir=str(tmp_path))  # what is in it is not read
    with pytest.raises(ValueError, match=r"x.npy cannot be read"):
        data.load("arrays", data_dir=str(tmp_path))


@pytest.mark.parametrize("name", [name for name in data.names() if name not in ("arrays", "table")])
def test_the_defaults_pass(name):
    data.check(name)


@pytest.mark.parametrize(
    ("train_size", "val_size"), [(1, 1), (1077, 360), (None, 360), (1077, None), (None, None)]
)
def test_what_passes_the_check_loads(train_size, val_size):
    data.check("digits", train_size=train_size, val_size=val_size)
    found = data.load("digits", train_size=train_size, val_size=val_size)
    assert (len(found.x_train), len(found.x_val)) == (train_size or 1077, val_size or 360)


SIZES = [(59_999, 1), (50_000, 10_000), (59_000, None)]


@pytest.mark.parametrize(("train_size", "val_size"), SIZES)
def test_sizes_that_fashion_mnist_has(train_size, val_size):
    data.check("fashion_mnist", train_size=train_size, val_size=val_size)
