"""The files of Fashion-MNIST: IDX, damage, places to look, downloads."""

import gzip
import hashlib
import socket
import struct

import numpy as np
import pytest

from trainables.data import DataUnavailableError, fashion_mnist, find_fashion_mnist, load
from trainables.data.fashion_mnist import SHA256
from trainables.data.idx import read_idx


def packed(content: bytes) -> bytes:
    """Without the time, which would be in the ids of the tests below."""
    return gzip.compress(content, mtime=0)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


CONTENT = idx(np.arange(24).reshape(4, 3, 2))


@pytest.mark.parametrize("name", ["rows.gz", "rows"])
def test_read_idx(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(packed(CONTENT) if name.endswith(".gz") else CONTENT)
    assert read_idx(path).tolist() == np.arange(24).reshape(4, 3, 2).tolist()
    assert read_idx(path, 2).tolist() == np.arange(12).reshape(2, 3, 2).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed(CONTENT)[:-9], "damaged or cut short: its header announces 40 bytes"),
        (packed(CONTENT[:-1]), "damaged or cut short: its header announces 40 bytes"),
        (packed(b"\0\0\x08\x03\0\0"), "damaged or cut short: its header is incomplete"),
        (packed(b"\0\0\x0d\x01\0\0\0\0"), "start with 00 00 08, .* starts with 00 00 0d"),
        (packed(b""), "starts with nothing"),
        (CONTENT, "cannot be read: Not a gzipped file"),
        (b"", "starts with nothing|cannot be read"),
        (
            packed(CONTENT)[:12] + b"\xff" * 20 + packed(CONTENT)[32:],
            "cannot be read|damaged|start with",
        ),
    ],
)
def test_damaged_idx_is_named(tmp_path, content, message):
    path = tmp_path / "rows.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s){path}.*({message}).*Fetch this file again"):
        read_idx(path)


def test_too_few_rows(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(CONTENT)
    with pytest.raises(ValueError, match="must hold at least 5 rows, but has 4"):
        read_idx(path, 5)


@pytest.fixture
def directory(tmp_path):
    """Four small files with the right names: 6 training and 10,000 test images."""
    place = tmp_path / "fashion"
    place.mkdir()
    for part, rows in (("train", 6), ("t10k", 10_000)):
        images, labels = np.full((rows, 28, 28), 51), np.arange(rows) % 10
        (place / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), 1))
        (place / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), 1))
    return place


def test_a_directory_of_ones_own(directory):
    data = load("fashion_mnist", data_dir=str(directory), train_size=4, val_size=2)
    assert data.y_train.tolist() == [0, 1, 2, 3]
    assert data.y_val.tolist() == [4, 5]
    assert data.x_train == pytest.approx(0.2)


def test_unpacked_files_will_do(directory):
    packed = directory / "train-labels-idx1-ubyte.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert len(load("fashion_mnist", data_dir=str(directory), train_size=4, val_size=2).x_val) == 2


@pytest.mark.parametrize("name", list(SHA256))
def test_a_damaged_or_missing_file_is_named(directory, name):
    path = directory / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=rf"{name} is damaged or cut short"):
        load("fashion_mnist", data_dir=str(directory), train_size=4, val_size=2)
    path.unlink()
    with pytest.raises(ValueError, match=rf"data_dir must hold .* lacks {name}"):
        load("fashion_mnist", data_dir=str(directory), train_size=4, val_size=2)


def test_wrong_contents_are_named(directory):
    (directory / "train-images-idx3-ubyte.gz").write_bytes(packed(CONTENT))
    with pytest.raises(ValueError, match=r"train-images.* images of 28 x 28, .* \(3, 2\)"):
        load("fashion_mnist", data_dir=str(directory), train_size=2, val_size=2)


def test_a_missing_directory(tmp_path):
    with pytest.raises(ValueError, match=r"data_dir must be a directory .*nowhere is none"):
        find_fashion_mnist(str(tmp_path / "nowhere"))


def test_where_it_is_found(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_DIRECTORY", tmp_path / "debian")
    monkeypatch.setenv("CAVIAR_DATA", str(tmp_path / "cache"))
    assert find_fashion_mnist() is None
    directory.rename(tmp_path / "debian")
    assert find_fashion_mnist() == tmp_path / "debian"
    (tmp_path / "cache").mkdir()
    (tmp_path / "debian").rename(tmp_path / "cache" / "fashion_mnist")
    assert find_fashion_mnist() == tmp_path / "cache" / "fashion_mnist"


def test_no_network_is_one_clear_error(tmp_path, monkeypatch, request):
    silent = socket.socket()  # nobody listens there, so it refuses; nobody else is given it
    request.addfinalizer(silent.close)
    silent.bind(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    monkeypatch.setattr(fashion_mnist, "DEBIAN_DIRECTORY", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "BASE_URL", f"http://127.0.0.1:{port}/")
    monkeypatch.setenv("CAVIAR_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DataUnavailableError, match=r"could not be downloaded .* use"):
        load("fashion_mnist")


def test_download_is_checked_and_kept(directory, tmp_path, monkeypatch, capfd):
    """From a server of our own: one file with another checksum, then all four right."""
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(fashion_mnist, "DEBIAN_DIRECTORY", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "BASE_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("CAVIAR_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        with pytest.raises(DataUnavailableError, match="hash of downloaded file"):
            load("fashion_mnist", train_size=4, val_size=2)
        assert find_fashion_mnist() is None
        sums = {n: hashlib.sha256((directory / n).read_bytes()).hexdigest() for n in SHA256}
        monkeypatch.setattr(fashion_mnist, "SHA256", sums)
        capfd.readouterr()
        assert len(load("fashion_mnist", train_size=4, val_size=2).x_train) == 4
        assert "100%" in capfd.readouterr().err
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert find_fashion_mnist() == tmp_path / "cache" / "fashion_mnist"
    assert len(load("fashion_mnist", train_size=4, val_size=2).x_train) == 4
