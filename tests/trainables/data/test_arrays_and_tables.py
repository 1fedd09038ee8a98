"""Data of one's own: folders of arrays, .npz, CSV and Parquet."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from trainables.data import Column, check, load, load_table
from trainables.data.images import as_rows

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(100, 4))
Y = np.arange(100) % 4


def save(place, kind, arrays):
    if kind == "npz":
        np.savez(place / "mine.npz", **arrays)
        return str(place / "mine.npz")
    for name, array in arrays.items():
        np.save(place / f"{name}.npy", array)
    if kind == "folder of npz":
        np.savez(place / "mine.npz", **arrays)
        for name in arrays:
            (place / f"{name}.npy").unlink()
    return str(place)


@pytest.mark.parametrize("kind", ["npy", "npz", "folder of npz"])
def test_one_pair_is_split_in_three(tmp_path, kind):
    found = load("arrays", data_dir=save(tmp_path, kind, {"x": X, "y": Y}))
    assert [len(part) for part in (found.x_train, found.x_val, found.x_test)] == [64, 16, 20]
    rows = np.concatenate([found.x_train, found.x_val, found.x_test])
    assert np.array_equal(np.sort(rows[:, 0]), np.sort(X[:, 0].astype(np.float32)))
    label = {np.float32(x[0]): y for x, y in zip(X, Y, strict=True)}
    for x, y in ((found.x_train, found.y_train), (found.x_val, found.y_val)):
        assert [label[row[0]] for row in x] == list(y)
    assert found.classes == 4
    for labels in (found.y_train, found.y_val, found.y_test):
        assert np.ptp(np.bincount(labels, minlength=4)) <= 1
    again = load("arrays", data_dir=str(tmp_path))
    assert np.array_equal(found.x_val, again.x_val)


def test_sizes(tmp_path):
    place = save(tmp_path, "npy", {"x": X, "y": Y})
    small = load("arrays", data_dir=place, train_size=40, val_size=8)
    whole = load("arrays", data_dir=place)
    assert np.array_equal(small.x_train, whole.x_train[:40])
    assert np.array_equal(small.x_test, whole.x_test)
    assert np.bincount(small.y_val).tolist() == [2, 2, 2, 2]


def test_given_parts_are_kept(tmp_path):
    arrays = {"x_train": X[:60], "y_train": Y[:60], "x_val": X[60:80], "y_val": Y[60:80]}
    arrays.update(x_test=X[80:], y_test=Y[80:])
    found = load("arrays", data_dir=save(tmp_path, "npy", arrays))
    assert np.array_equal(found.x_test, X[80:].astype(np.float32))
    assert sorted(found.x_val[:, 0]) == sorted(X[60:80, 0].astype(np.float32))
    assert len(found.x_train) == 60
    small = load("arrays", data_dir=str(tmp_path), train_size=12, val_size=4)
    assert (len(small.x_train), len(small.x_val)) == (12, 4)
    assert np.bincount(small.y_train).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("labels", "expected", "names"),
    [
        (Y + 5, Y, (5, 6, 7, 8)),
        (np.array(["d", "a", "c", "b"])[Y], np.array([3, 0, 2, 1])[Y], ("a", "b", "c", "d")),
        (Y[:, None], Y, (0, 1, 2, 3)),
        (Y > 1, Y > 1, (False, True)),
    ],
)
def test_labels_are_numbered_in_their_order(tmp_path, labels, expected, names):
    arrays = {"x_train": X, "y_train": labels, "x_test": X, "y_test": labels}
    found = load("arrays", data_dir=save(tmp_path, "npz", arrays))
    assert np.array_equal(found.y_test, expected)
    assert found.labels == names


@pytest.mark.parametrize(
    ("shape", "dtype", "rows"),
    [
        ((5, 8, 6, 3), np.uint8, (5, 3, 8, 6)),
        ((5, 3, 8, 6), np.uint8, (5, 3, 8, 6)),
        ((5, 8, 6, 1), np.uint8, (5, 8, 6)),
        ((5, 1, 8, 6), np.float64, (5, 8, 6)),
        ((5, 8, 6), np.uint8, (5, 8, 6)),
        ((5, 9), np.int64, (5, 9)),
    ],
)
def test_images_and_other_rows(shape, dtype, rows):
    x = (255 * GENERATOR.random(shape)).astype(dtype)
    found = as_rows(x)
    assert (found.shape, found.dtype) == (rows, np.float32)
    scale = 255 if dtype == np.uint8 else 1
    assert found.sum() == pytest.approx(x.sum() / scale, rel=1e-4)
    assert found[0].flat[1] == pytest.approx(
        (x[0, 0, 1, 0] if shape == (5, 8, 6, 3) else x[0].flat[1]) / scale
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": X}, "it lacks y_train"),
        ({"z": X}, "it lacks x_train, y_train"),
        ({"x": X, "y": Y, "x_val": X}, "it lacks y_val"),
        ({"x": X, "y": Y[:-1]}, r"one label for each row, .* \(100, 4\) and \(99,\)"),
        (
            {"x": X, "y": np.zeros(100)},
            r"must have two classes at least, but it has \[0.0\] only",
        ),
        (
            {"x": X, "y": np.where(Y == 3, np.nan, Y)},
            "y of .* must have a label in every row, but 25 are missing",
        ),
        ({"x": X, "y": Y / 2}, "y of .* must hold classes, but it holds numbers with fractions"),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y.astype(str)},
            "whole numbers only, or words only, but it holds numbers and words: write",
        ),
        ({"x": X, "y": Y * 1j}, "whole numbers only, or words only, but it holds complex128"),
        (
            {"x": X, "y": np.maximum(np.arange(100), 30)},
            "but 69 of its 70 have one row only: make a few ranges of numbers",
        ),
        ({"x": X[:2], "y": Y[:2]}, "3 rows at least, one each for train, val, test, but it has 2"),
        (
            {"x_train": X[:1], "y_train": Y[:1], "x_test": X, "y_test": Y},
            "must have 2 rows at least, one each for train, val, but it has 1: add rows",
        ),
        ({"x": np.where(X > 2, np.nan, X), "y": Y}, "x_train in .* rows must be finite"),
        ({"x": np.full((100, 2), "a"), "y": Y}, "rows must be numbers, but they are of type <U1"),
        ({"x": X * 1e300, "y": Y}, r"x_train in .* within ±3.4e38, the range of float32"),
        ({"x": X, "y": Y.astype(str).astype(object)}, r"y\.npy must .* Python objects: .*astype"),
        ({"x": np.array(1.0), "y": Y}, r"x_train in .* rows of one value at least, .* is \(\)"),
        ({"x": X[:, 0], "y": Y}, r"its shape is \(100,\): one value a row is \[n, 1\]"),
        ({"x": X[:, :0], "y": Y}, r"its shape is \(100, 0\)"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_refused(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        load("arrays", data_dir=save(tmp_path, "npy", arrays))


def test_python_objects_in_an_npz(tmp_path):
    place = save(tmp_path, "npz", {"x": X, "y": Y.astype(str).astype(object)})
    with pytest.raises(ValueError, match=r"mine\.npz must hold numbers or text, but .* objects"):
        load("arrays", data_dir=place)


def test_three_rows_are_enough(tmp_path):
    found = load("arrays", data_dir=save(tmp_path, "npy", {"x": X[:3], "y": np.array([0, 1, 0])}))
    assert [len(part) for part in (found.x_train, found.x_val, found.x_test)] == [1, 1, 1]


def test_half_of_the_classes_may_have_one_row(tmp_path):
    labels = np.repeat(np.arange(4), [1, 1, 49, 49])
    assert load("arrays", data_dir=save(tmp_path, "npy", {"x": X, "y": labels})).classes == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("arrays", "give data_dir a folder with .npy files"), ("table", "give data_dir a .csv")],
)
def test_a_place_is_needed(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        load(name)
    with pytest.raises(ValueError, match=r"exactly one"):
        load(name, data_dir=str(tmp_path))


def table(rows=100):
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "size": generator.normal(10, 2, rows),
            "colour": generator.choice(["red", "green", "blue"], rows),
            "old": generator.random(rows) < 0.5,
            "Label": np.array(["yes", "no"])[np.arange(rows) % 2],
        }
    )


def write(frame, path):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("whole", [True, False])
def test_tables(tmp_path, suffix, whole):
    frame = table()
    path = write(frame, tmp_path / f"mine{suffix}")
    found = load("table", data_dir=path if whole else str(tmp_path))
    assert found.describe() == ("mine: 64 training, 16 validation and 20 test rows of 5, 2 classes")
    x = np.concatenate([found.x_train, found.x_val, found.x_test])
    y = np.concatenate([found.y_train, found.y_val, found.y_test])
    by_size = {np.float32(row["size"]): row for _, row in frame.iterrows()}
    for row, label in zip(x, y, strict=True):
        expected = by_size[row[0]]
        colours = [float(expected["colour"] == word) for word in ("blue", "green", "red")]
        assert row[1:].tolist() == [*colours, float(expected["old"])]
        assert label == (expected["Label"] == "yes")


def test_missing_numbers_are_the_training_rows_mean_and_missing_words_are_none(tmp_path):
    frame = table()
    frame.loc[::7, "size"] = np.nan
    frame.loc[::5, "colour"] = None
    found = load("table", data_dir=write(frame, tmp_path / "mine.csv"))
    known = set(frame["size"].dropna().astype(np.float32))
    own = [value for value in found.x_train[:, 0] if value in known]
    rest = {value for part in (found.x_train, found.x_val, found.x_test) for value in part[:, 0]}
    assert rest - known == {np.float32(np.mean(own, dtype=np.float64))}
    size, colour, old = found.columns
    assert (size.name, size.mean) == ("size", pytest.approx(np.mean(own, dtype=np.float64)))
    assert colour == Column(name="colour", words=("blue", "green", "red"))
    assert (old.name, old.words) == ("old", None)
    assert found.labels == ("no", "yes")
    assert found.standardised().pooled().columns == found.columns
    assert {row.sum() for row in found.x_train[:, 1:4]} == {0.0, 1.0}


def test_words_that_the_training_rows_lack_are_no_columns(tmp_path):
    frame = table()
    first = load("table", data_dir=write(frame, tmp_path / "mine.csv"))
    outside = np.flatnonzero(np.isin(frame["size"].astype(np.float32), first.x_test[:, 0]))
    frame.loc[outside, "colour"] = "violet"
    found = load("table", data_dir=write(frame, tmp_path / "mine.csv"))
    assert found.input_shape == (5,)
    assert not found.x_test[:, 1:4].any()


def test_the_target_can_be_named(tmp_path):
    path = write(table(), tmp_path / "mine.csv")
    assert load_table(path, None, None, "colour").classes == 3
    with pytest.raises(
        ValueError, match=r"has no column 'color'. Did you mean 'colour'\? It has si"
    ):
        load_table(path, None, None, "color")


def test_columns_are_standardised_one_by_one(tmp_path):
    frame = table().assign(same=3.0)
    found = load("table", data_dir=write(frame, tmp_path / "mine.csv")).standardised()
    assert np.abs(found.x_train.mean(0)).max() < 1e-5
    assert np.allclose(found.x_train.std(0), [1, 1, 1, 1, 1, 0], atol=1e-5)
    assert found.is_standardised


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.rename(columns={"Label": "kind"}),
            "Name the target, the column of .* size, co",
        ),
        (lambda f: f.assign(target=1), "Name the target"),
        (lambda f: f.assign(Label=f["Label"].where(f["size"] > 9)), "label in every row, but"),
        (lambda f: f[["Label"]], "must have a column beside 'Label'"),
        (lambda f: f.assign(size=np.inf), "column 'size' .* must be finite"),
        (lambda f: f.assign(size=f["size"] * 1e300), "'size' .* within ±3.4e38, the range of flo"),
        (
            lambda f: f.assign(size=f["size"].astype(str).where(f.index % 9 > 0, "?")),
            r"'size' of .* most of its values are numbers and some are not, such as '\?': make",
        ),
        (
            lambda f: f.assign(size=f.index.map("{:,}".format)).replace("7", "1,000"),
            r"'size' of .* numbers and some are not, such as '1,000': make numbers of these",
        ),
        (
            lambda f: f.assign(size=(f.index * 1000).map("{:,}".format)),
            r"'size' of .* some are not, such as '1,000', '2,000', '3,000': make numbers",
        ),
        (
            lambda f: f.assign(Label=f["Label"].replace("yes", "1").replace("no", "NA")[:99]),
            "must have a label in every row, but 1 are missing",
        ),
        (
            lambda f: f.assign(Label=["0", "1", "2", "NA"] * 25),
            "'Label' of .* most of its values are numbers and some are not, such as 'NA'",
        ),
        (
            lambda f: f.assign(Label=f.index),
            "'Label' .* 100 of its 100 have one row only: make a few ranges of numbers",
        ),
        (lambda f: f[:2], "mine must have 3 rows at least"),
        *(
            (lambda f, day=day: f.assign(day=[day, "unknown", day, day] * 25), "'day' .* holds dat")
            for day in ("2026-11-21", "2026-11-21T10:00:00Z", "11/21/2026 10:00", "21.11.2026")
        ),
        (
            lambda f: pd.concat([f.assign(colour=[f"{n} {i}" for i in range(100)]) for n in "ab"]),
            "column 'colour' of .* must have 100 words at most, but it has 128",
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_tables_refused(tmp_path, change, message):
    path = write(change(table()), tmp_path / "mine.csv")
    with pytest.raises(ValueError, match=message):
        load("table", data_dir=path)


@pytest.mark.filterwarnings("error")
def test_a_long_table_is_read_as_a_whole(tmp_path):
    """pandas reads a CSV in parts of a million cells, each with types of its own."""
    cells = {f"x{number}": np.arange(30_000) % 7 for number in range(40)}
    frame = pd.DataFrame(cells).assign(x0=[*range(29_999), "?"], label=cells["x1"])
    with pytest.raises(ValueError, match=r"'x0' of .* some are not, such as '\?': make"):
        load("table", data_dir=write(frame, tmp_path / "mine.csv"))


@pytest.mark.parametrize(
    "words",
    [
        ["1-2", "3-4", "5", "10-20"],
        ["10.0.0.1", "10.0.0.2", "2.1", "1.2.3"],
        ["today", "now", "may", None],
        ["True", "False", "a", "1"],
        ["1", "2", "many", "few"],
    ],
)
def test_words_that_are_neither_numbers_nor_dates(tmp_path, words):
    frame = table().assign(words=words * 25)
    found = load("table", data_dir=write(frame, tmp_path / "mine.csv"))
    assert found.input_shape == (5 + len(set(words) - {None}),)


def test_text_in_a_parquet_file_that_is_all_numbers_stays_words(tmp_path):
    frame = table().assign(code=["007", "008", "009", None] * 25)
    assert load("table", data_dir=write(frame, tmp_path / "mine.parquet")).input_shape == (8,)


def test_decimals_of_a_parquet_file_are_numbers(tmp_path):
    price = [decimal.Decimal("1.50"), decimal.Decimal("2.25"), None, decimal.Decimal("7.00")] * 25
    found = load("table", data_dir=write(table().assign(price=price), tmp_path / "mine.parquet"))
    assert found.input_shape == (6,)
    mean = np.float32(found.columns[-1].mean)
    assert set(found.x_train[:, -1]) == {np.float32(value) for value in (1.5, 2.25, 7.0, mean)}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_true_and_false_with_missing_ones_are_words(tmp_path, suffix):
    path = write(table().assign(known=[True, None, False, True] * 25), tmp_path / f"mine{suffix}")
    assert load("table", data_dir=path).columns[-1] == Column(name="known", words=("False", "True"))


@pytest.mark.parametrize(
    ("value", "called"),
    [
        (pd.Timedelta(seconds=7), "durations"),
        ([1, 2], "lists"),
        ({"a": 1}, "values of the type dict"),
        (b"red", "values of the type bytes"),
        (datetime.time(10, 30), "values of the type time"),
    ],
)
def test_what_is_neither_a_number_nor_a_word_is_refused(tmp_path, value, called):
    path = write(table().assign(odd=[None, value, value, None] * 25), tmp_path / "mine.parquet")
    told = rf"'odd' of .* must hold numbers or words, but it holds {called}: make numbers or words"
    with pytest.raises(ValueError, match=told):
        load("table", data_dir=path)


@pytest.mark.parametrize(
    ("index", "columns"),
    [
        (range(100), 5),
        (np.random.default_rng(0).permutation(100), 5),
        ([f"row {n}" for n in range(100)], 5),
        (np.arange(100) % 50, 6),  # no index: a column whose name is missing
    ],
)
def test_the_index_that_pandas_writes_is_left_out(tmp_path, index, columns):
    frame = table().set_index(pd.Index(index))
    frame.to_csv(tmp_path / "mine.csv")
    found = load("table", data_dir=str(tmp_path))
    assert found.input_shape == (columns,)
    pd.read_csv(tmp_path / "mine.csv").to_csv(tmp_path / "mine.csv")  # and one more
    assert load("table", data_dir=str(tmp_path)).input_shape == (columns,)


@pytest.mark.parametrize("word", ["None", "NA", "null"])
def test_a_class_may_be_called_as_what_is_missing(tmp_path, word):
    frame = table()
    frame["Label"] = frame["Label"].replace("no", word)
    found = load("table", data_dir=write(frame, tmp_path / "mine.csv"))
    assert found.classes == 2


def test_columns_that_are_called_by_numbers(tmp_path):
    frame = table().set_axis([0, 1, 2, 3], axis=1)
    path = write(frame, tmp_path / "mine.parquet")
    assert load_table(path, None, None, "3").classes == 2


@pytest.mark.parametrize("name", ["UP.CSV", "Up.Parquet"])
def test_endings_in_capitals(tmp_path, name):
    frame = table()
    path = tmp_path / name
    frame.to_csv(path, index=False) if name == "UP.CSV" else frame.to_parquet(path)
    for place in (path, tmp_path):
        check("table", data_dir=str(place))
        assert load("table", data_dir=str(place)).input_shape == (5,)


@pytest.mark.parametrize(("name", "end"), [("x.tsv", r"in \.tsv"), ("x", "in neither")])
def test_a_file_of_another_kind_says_what_is_read(tmp_path, name, end):
    (tmp_path / name).write_text("a\tlabel\n")
    with pytest.raises(ValueError, match=rf"a \.csv or a \.parquet, the endings .* ends {end}: "):
        check("table", data_dir=str(tmp_path / name))


def test_dates_and_damage_are_refused(tmp_path):
    for day in (pd.Timestamp("2026-11-21"), datetime.date(2026, 11, 21)):
        frame = table().assign(day=day)
        with pytest.raises(ValueError, match=r"column 'day' of .* holds dates"):
            load("table", data_dir=write(frame, tmp_path / "mine.parquet"))
    (tmp_path / "mine.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"mine.parquet cannot be read"):
        load("table", data_dir=str(tmp_path))
