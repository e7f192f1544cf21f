"""Image files as they come, and as they must not come: each written here, byte by byte."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data import images

RNG = np.random.default_rng(0)
PIXELS, LABELS = RNG.integers(0, 256, (6, 4, 5), np.uint8), np.array([0, 1, 2, 0, 1, 2], np.uint8)
COLOURS, CLASSES = RNG.integers(0, 256, (4, 32, 32, 3), np.uint8), np.array([3, 9, 0, 1], np.uint8)


def idx(values: np.ndarray, shape: tuple[int, ...] | None = None, kind: int = 8) -> bytes:
    shape = values.shape if shape is None else shape
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values.tobytes()


def mnist_folder(folder: Path, zipped: bool, below: str = "") -> Path:
    (folder / below).mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", slice(4)), ("t10k", slice(4, 6))):
        for name, values in ((f"{part}-images-idx3-ubyte", PIXELS), (f"{part}-labels-idx1-ubyte", LABELS)):
            content = idx(values[rows])
            path = folder / below / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


def cifar_bytes(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    return b"".join(bytes([c]) + p.transpose(2, 0, 1).tobytes() for p, c in zip(pixels, labels, strict=True))


def pixels_of(loaded, part: str | None = None) -> np.ndarray:
    chosen = loaded if part is None else loaded.isel(sample=loaded["part"].to_numpy() == part)
    return np.rint(chosen["image"].to_numpy() * 255).astype(np.uint8)


def test_digits_come_along():
    loaded = images.load()
    assert loaded["image"].shape == (1797, 8, 8, 1)
    assert sorted(set(loaded["label"].to_numpy())) == list(range(10))
    assert (float(loaded["image"].min()), float(loaded["image"].max())) == (0.0, 1.0)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("below", ["", "MNIST/raw"])
def test_idx_folder(tmp_path, zipped, below):
    loaded = images.load(mnist_folder(tmp_path, zipped, below))
    np.testing.assert_array_equal(pixels_of(loaded, "train")[..., 0], PIXELS[:4])
    np.testing.assert_array_equal(pixels_of(loaded, "test")[..., 0], PIXELS[4:])
    assert sorted(loaded["label"].to_numpy()) == sorted(LABELS)


def test_binary_cifar(tmp_path):
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for name, rows in (("data_batch_1", slice(3)), ("test_batch", slice(3, 4))):
        content = cifar_bytes(COLOURS[rows], CLASSES[rows])
        (tmp_path / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(content)
    loaded = images.load(tmp_path)
    np.testing.assert_array_equal(pixels_of(loaded, "train"), COLOURS[:3])
    np.testing.assert_array_equal(loaded["label"], CLASSES)
    assert loaded.attrs["classes"][3] == "cat"


def test_npz_of_both_layouts(tmp_path):
    np.savez(tmp_path / "one.npz", images=COLOURS, labels=CLASSES)
    np.testing.assert_array_equal(pixels_of(images.load(tmp_path / "one.npz"), "all"), COLOURS)
    arrays = {"x_train": PIXELS[:4], "y_train": LABELS[:4], "x_test": PIXELS[4:], "y_test": LABELS[4:]}
    np.savez(tmp_path / "two.npz", **arrays)
    np.testing.assert_array_equal(pixels_of(images.load(tmp_path / "two.npz"), "test")[..., 0], PIXELS[4:])


def test_tensors_have_channels_first():
    x, y = images.to_tensors(images.dataset(COLOURS, CLASSES, "all", "here"))
    torch.testing.assert_close(x[2, 1], torch.tensor(COLOURS[2, :, :, 1]) / 255)
    assert y.tolist() == CLASSES.tolist()


class Trap:
    """What a pickle must never get to do."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


GOOD_LABELS = ("train-labels-idx1-ubyte", idx(LABELS))
BAD_FILES = {
    "missing": ("nothing.npz", None, "no such file"),
    "empty": ("train-images-idx3-ubyte", b"", "empty"),
    "short header": ("train-images-idx3-ubyte", idx(PIXELS)[:9], "inside its header"),
    "truncated": ("train-images-idx3-ubyte", idx(PIXELS)[:-1], "fewer"),
    "too long": ("train-images-idx3-ubyte", idx(PIXELS) + b"\0", "more"),
    "wrong magic": ("train-images-idx3-ubyte", b"\x89PNG" + bytes(40), "begins with"),
    "wrong type": ("train-images-idx3-ubyte", idx(PIXELS, kind=0x0D), "unsigned bytes"),
    "huge claim": ("train-images-idx3-ubyte", idx(PIXELS, (2**31, 2**15, 2**15)), "GiB"),
    "huge claim, gzipped": ("train-images-idx3-ubyte.gz", gzip.compress(idx(PIXELS, (2**20, 999, 999))), "GiB"),
    "half a gzip": ("train-images-idx3-ubyte.gz", gzip.compress(idx(PIXELS))[:-20], "cannot read"),
    "no labels beside": ("t10k-images-idx3-ubyte", idx(PIXELS), "labels beside it"),
    "cifar cut": ("data_batch_1.bin", cifar_bytes(COLOURS, CLASSES)[:-1], "whole number"),
    "cifar labels": ("data_batch_1.bin", cifar_bytes(COLOURS, CLASSES + 9), "0 to 9"),
    "pickle": ("data_batch_1", pickle.dumps(Trap()), "never read"),
    "other kind": ("picture.jpg", b"\xff\xd8", "not a kind"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_in_words(tmp_path, case):
    name, content, reason = BAD_FILES[case]
    (tmp_path / GOOD_LABELS[0]).write_bytes(GOOD_LABELS[1])
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileFormatError, match=reason):
        images.load(tmp_path / name)


def test_a_gzip_is_read_no_further_than_its_header_says(tmp_path):
    """A bomb behind a small header: a gigabyte of zeros is never unpacked."""
    bomb = gzip.compress(idx(PIXELS)) + gzip.compress(bytes(2**24)) * 64
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(FileFormatError, match="more"):
        images.load(tmp_path / "train-images-idx3-ubyte.gz")


def test_folders_without_images_and_with_pickles(tmp_path):
    with pytest.raises(FileFormatError, match="no images"):
        images.load(tmp_path)
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FileFormatError, match="binary version"):
        images.load(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"pictures": PIXELS, "labels": LABELS}, "holds pictures, labels"),
        ({"images": PIXELS.astype(float), "labels": LABELS}, r"in \[0, 1\]"),
        ({"images": PIXELS[0], "labels": LABELS}, "rows, columns"),
        ({"images": PIXELS, "labels": LABELS[:3]}, "one an image"),
        ({"images": PIXELS, "labels": LABELS - 1.0}, "whole numbers"),
    ],
)
def test_wrong_arrays_are_told(tmp_path, arrays, reason):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises((FileFormatError, InputError), match=reason):
        images.load(tmp_path / "x.npz")


def test_shared_files(shared_data):
    digits = images.load(shared_data("mnist_npm10k"))
    assert digits["image"].shape == (10000, 28, 28, 1)
    cifar = images.load(shared_data("cifar10_jpeg"))
    assert np.unique(cifar["part"], return_counts=True)[1].tolist() == [2000, 10000]
