"""CIFAR-10 in each of its published forms, of made-up and of real pixels."""

import hashlib
import io
import os
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from trainables.data import DataUnavailableError, cifar10, load

SHARED = Path(__file__).parents[4] / "shared" / "data" / "cifar10_6k.npz"
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
ROWS = 20  # of a batch


def batch(number):
    """Bytes [n, 3, 32, 32] and labels [n] of one of the six batches."""
    generator = np.random.default_rng(number)
    return (
        generator.integers(0, 256, (ROWS, 3, 32, 32), dtype=np.uint8),
        (np.arange(ROWS) + number) % 10,
    )


def binary(x, y):
    return np.concatenate([y.astype(np.uint8)[:, None], x.reshape(ROWS, -1)], axis=1).tobytes()


def python_2(x, y):
    """The dictionary as Python 2 and numpy 1 pickled it, opcode by opcode."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    content = x.reshape(ROWS, -1).tobytes()
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
    dtype += 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b")
    array += b"\x87R(K\x01" + b"K" + bytes([ROWS]) + b"M\x00\x0c\x86" + dtype + b"\x89"
    array += b"T" + struct.pack("<i", len(content)) + content + b"tb"
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in y) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


def files(form):
    make, suffix = (binary, ".bin") if form == "binary" else (python_2, "")
    return {f"{name}{suffix}": make(*batch(number)) for number, name in enumerate(NAMES)}


def archive(form, contents=None):
    folder = "cifar-10-batches-bin" if form == "binary" else "cifar-10-batches-py"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in (contents or files(form)).items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def put(place, form, packing):
    name = cifar10.BINARY if form == "binary" else cifar10.PYTHON
    if packing == "archive":
        (place / name).write_bytes(archive(form))
        return
    folder = (
        place if packing == "files" else place / f"cifar-10-batches-{form[:3].replace('pyt', 'py')}"
    )
    folder.mkdir(exist_ok=True)
    for name, content in files(form).items():
        (folder / name).write_bytes(content)


def check(found, train=90, val=10):
    """Every row is that of its batch, with its own label, and lies in one part only."""
    assert found.x_train.shape == (train, 3, 32, 32)
    assert found.x_val.shape == (val, 3, 32, 32)
    assert found.x_train.dtype == np.float32
    labels = {}
    for number in range(5):
        x, y = batch(number)
        labels.update({row.tobytes(): label for row, label in zip(x, y, strict=True)})
    x = np.concatenate([found.x_train, found.x_val])
    pixels = np.round(x * 255).astype(np.uint8)
    assert np.array_equal(x, pixels * np.float32(1 / 255))
    seen = [row.tobytes() for row in pixels]
    assert len(set(seen)) == train + val
    assert [labels[row] for row in seen] == [*found.y_train, *found.y_val]
    x_test, y_test = batch(5)
    assert np.array_equal(np.round(found.x_test * 255).astype(np.uint8), x_test)
    assert np.array_equal(found.y_test, y_test)


@pytest.mark.parametrize("packing", ["files", "folder", "archive"])
@pytest.mark.parametrize("form", ["binary", "python"])
def test_published_forms(tmp_path, form, packing):
    put(tmp_path, form, packing)
    check(load("cifar10", data_dir=str(tmp_path)))


@pytest.mark.parametrize("last", [True, False])
def test_npz(tmp_path, last):
    parts = [batch(number) for number in range(6)]
    x = np.concatenate([x for x, _ in parts[:5]])
    y = np.concatenate([y for _, y in parts[:5]])
    x_test, y_test = parts[5]
    if last:  # channels last, as the world keeps images
        x, x_test = x.transpose(0, 2, 3, 1), x_test.transpose(0, 2, 3, 1)
    path = tmp_path / "some.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    check(load("cifar10", data_dir=str(path)))
    check(load("cifar10", data_dir=str(tmp_path), train_size=50, val_size=20), 50, 20)


def test_split_is_fixed_and_stratified(tmp_path):
    put(tmp_path, "binary", "archive")
    whole = load("cifar10", data_dir=str(tmp_path))
    part = load("cifar10", data_dir=str(tmp_path), train_size=40, val_size=20)
    assert np.array_equal(part.x_train, whole.x_train[:40])
    for labels, rows in ((whole.y_train, 90), (part.y_train, 40), (part.y_val, 20)):
        assert np.all(np.abs(np.bincount(labels, minlength=10) - rows / 10) <= 1)


class Intruder:
    def __reduce__(self):
        return (os.mkdir, ("intruded",))


def test_code_in_a_batch_is_not_run(tmp_path, monkeypatch):
    import pickle

    monkeypatch.chdir(tmp_path)
    put(tmp_path, "python", "files")
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": Intruder(), b"labels": [1]}))
    with pytest.raises(ValueError, match=r"data_batch_3 is no batch .* wants posix.mkdir"):
        load("cifar10", data_dir=str(tmp_path))
    assert not (tmp_path / "intruded").exists()


@pytest.mark.parametrize(
    ("form", "name", "change", "message"),
    [
        (
            "binary",
            "data_batch_2.bin",
            lambda c: c[:-1],
            r"data_batch_2.bin must hold records",
        ),
        ("binary", "test_batch.bin", lambda c: b"\x0a" + c[1:], "must hold one label of 0 .. 9"),
        ("binary", "data_batch_2.bin", None, r"data_batch_2.bin cannot be read"),
        ("python", "data_batch_4", lambda c: c[: len(c) // 2], "data_batch_4 is no batch of CIFAR"),
        ("python", "data_batch_4", lambda c: b"hello", "data_batch_4 is no batch of CIFAR"),
    ],
)
def test_damage_is_named(tmp_path, form, name, change, message):
    put(tmp_path, form, "files")
    path = tmp_path / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        load("cifar10", data_dir=str(tmp_path))


def test_a_truncated_archive_is_named(tmp_path):
    put(tmp_path, "binary", "archive")
    path = tmp_path / cifar10.BINARY
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz is damaged"):
        load("cifar10", data_dir=str(tmp_path))


def test_an_empty_directory(tmp_path):
    with pytest.raises(ValueError, match=r"has neither cifar-10-binary.tar.gz, cifar-10-python"):
        load("cifar10", data_dir=str(tmp_path))


def test_download_is_checked_and_kept(tmp_path, monkeypatch):
    """From a stand-in for the site: a folder."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    site.mkdir()
    (site / cifar10.BINARY).write_bytes(archive("binary"))
    asked = []

    def fetch(url, output_file, pooch):
        asked.append(url)
        Path(output_file).write_bytes((site / url.rpartition("/")[2]).read_bytes())

    monkeypatch.setenv("CAVIAR_DATA", str(cache))
    monkeypatch.setattr("pooch.core.choose_downloader", lambda *_, **__: fetch)
    with pytest.raises(DataUnavailableError, match=r"binary.tar.gz could not be downloaded"):
        load("cifar10")  # these are not the published bytes
    assert not (cache / "cifar10" / cifar10.BINARY).exists()
    real = hashlib.sha256((site / cifar10.BINARY).read_bytes()).hexdigest()
    monkeypatch.setattr(cifar10, "SHA256", {cifar10.BINARY: real})
    check(load("cifar10"))
    check(load("cifar10"))
    assert asked == ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"] * 2


@pytest.fixture(scope="session")
def real_images():
    if not SHARED.is_file():
        pytest.skip(f"{SHARED} is not there: it holds 6,102 images of CIFAR-10")
    return load("cifar10", data_dir=str(SHARED))


def test_real_pixels(real_images):
    assert real_images.x_train.shape == (4577, 3, 32, 32)
    assert real_images.x_val.shape == (508, 3, 32, 32)
    assert real_images.x_test.shape == (1017, 3, 32, 32)
    with np.load(SHARED) as file:
        first = file["x_test"][0]
    assert np.allclose(real_images.x_test[0, 2] * 255, first[:, :, 2], atol=1e-4)
    standard = real_images.standardised()
    assert np.abs(standard.x_train.mean((0, 2, 3))).max() < 1e-3
    assert np.abs(standard.x_train.std((0, 2, 3)) - 1).max() < 1e-3
    assert np.abs(standard.x_val.mean((0, 2, 3))).max() > 1e-3  # moved by the training part's


@pytest.mark.slow
def test_a_cnn_learns_real_images(build, real_images):
    from trainables import CNNTrainable

    config = {"optimizer": "adam", "learning_rate": 1e-2, "filters": 16}
    trained = build(CNNTrainable, config, data=real_images.standardised(), augment="crop_flip")
    rows = [trained.step() for _ in range(6)]
    assert rows[-1]["val_accuracy"] > 0.4  # a tenth by chance
