"""Hostile files: code to run, links that lead outside, names that are paths, markup or control characters.

Nothing here does harm: what code there is would leave a file behind, and the tests look for it.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from neuromanifold.benchmarks.robustness.claims import npy_header
from neuromanifold.benchmarks.robustness.files import COUNTS, DAMAGED, N_TIMES, SOUND, Write, content, file_fault
from neuromanifold.benchmarks.robustness.given import Fault, Given
from neuromanifold.benchmarks.robustness.inputs import HOSTILE_NAMES
from neuromanifold.storage import write_arrays

__all__ = ["HOSTILE", "MARK", "payload"]

OUTSIDE = "another file|other files|out of the store|refused"
CODE = f"pickle|object|codec|never|which of|nothing looks like|weights|{DAMAGED}"
MARK = "neuromanifold-was-here"


def payload(folder: Path) -> bytes:
    """A pickle that leaves a file in a folder when it is loaded: ``os.mkdir(folder / MARK)``, written as opcodes."""
    return b"cos\nmkdir\n(V" + str(folder / MARK).encode("raw_unicode_escape") + b"\ntR."


def _in_npy(path: Path) -> None:
    path.write_bytes(npy_header((1,), "|O") + payload(path.parent))


def _in_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("activity.npy", npy_header((1,), "|O") + payload(path.parent))


def _as_model(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__header__.npy", npy_header((), "|O") + payload(path.parent))


def _as_torch(path: Path) -> None:
    """The layout of ``torch.save``: a zip of ``data.pkl``."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", payload(path.parent))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")


def _as_pickle(path: Path) -> None:
    path.write_bytes(payload(path.parent))


def _in_zarr(**codec: object) -> Write:
    def write(path: Path) -> None:
        (path / "activity").mkdir(parents=True)
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        array = {
            "zarr_format": 2, "shape": [10, 2], "chunks": [10, 2], "dtype": "|O", "compressor": None,
            "fill_value": None, "order": "C", "filters": [codec],
        }  # fmt: skip
        (path / "activity" / ".zarray").write_text(json.dumps(array))
        (path / "activity" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["time", "unit"]}')
        (path / "activity" / "0.0").write_bytes(payload(path.parent))

    return write


def _linked_zarr(path: Path) -> None:
    (path / "activity").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / "activity" / ".zarray").symlink_to("/etc/passwd")


def _hdf5(change: object) -> Write:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.attrs["nwb_version"] = "2.6.0"
            change(file)  # type: ignore[operator]

    return write


def _external_link(file: h5py.File) -> None:
    file["activity"] = h5py.ExternalLink("/etc/passwd", "/secret")


def _nested_link(file: h5py.File) -> None:
    file.create_group("units/b")["activity"] = h5py.ExternalLink("other.h5", "/secret")


def _external_storage(file: h5py.File) -> None:
    file.create_dataset("activity", (10, 2), "u1", external=[("/etc/passwd", 0, 20)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(10, 2), dtype="f8")
    layout[...] = h5py.VirtualSource("other.h5", "x", shape=(10, 2))
    file.create_virtual_dataset("activity", layout)


def _soft_link(file: h5py.File) -> None:
    """A soft link to an external one: the walk meets both."""
    file["door"] = h5py.ExternalLink("other.h5", "/secret")
    file["activity"] = h5py.SoftLink("/door")


def _circle(file: h5py.File) -> None:
    group = file.create_group("units")
    group["again"] = group


def _deep(file: h5py.File) -> None:
    """Groups nested deeper than Python recurses."""
    group = file
    for _ in range(1500):
        group = group.create_group("g")
    group["activity"] = COUNTS


CODES = (
    file_fault("code", "x.npy", _in_npy, CODE),
    file_fault("code", "x.npz", _in_npz, CODE),
    *(file_fault("a pickle of code", name, _as_pickle, f"{CODE}|UTF-8") for name in SOUND),
    file_fault("code as torch saves it", "x.npz", _as_torch, CODE),
    *(file_fault(f"the codec {name}", "x.zarr", _in_zarr(id=name), CODE) for name in ("pickle", "msgpack2", "json2")),
    file_fault("code", "model.npz", _as_model, CODE, "model file"),
    file_fault("code as torch saves it", "model.npz", _as_torch, f"{CODE}|header", "model file"),
    file_fault("code as torch saves it", "resnet.th", _as_torch, CODE, "weights file"),
    file_fault("a pickle of code", "resnet.th", _as_pickle, CODE, "weights file"),
    file_fault("code", "images.npz", _in_npz, f"{CODE}|images and labels", "image file"),
    file_fault("a pickle of code", "data_batch_1", _as_pickle, f"{CODE}|kind", "image file"),
)

HDF5_NAMES = ("x.h5", "x.nc", "x.nwb", "x.mat")
LINKS = (
    *(file_fault("an external link", name, _hdf5(_external_link), OUTSIDE) for name in HDF5_NAMES),
    *(file_fault("a nested external link", name, _hdf5(_nested_link), OUTSIDE) for name in HDF5_NAMES),
    *(file_fault("external storage", name, _hdf5(_external_storage), OUTSIDE) for name in HDF5_NAMES),
    *(file_fault("a virtual dataset", name, _hdf5(_virtual), OUTSIDE) for name in HDF5_NAMES),
    *(file_fault("a soft link outwards", name, _hdf5(_soft_link), OUTSIDE) for name in HDF5_NAMES),
    *(file_fault("groups in a circle", name, _hdf5(_circle), "another name") for name in HDF5_NAMES),
    *(file_fault("groups too deep", name, _hdf5(_deep), f"deep|{DAMAGED}") for name in HDF5_NAMES),
    file_fault("a link outwards", "x.zarr", _linked_zarr, OUTSIDE),
    file_fault("an external link", "result.nc", _hdf5(_external_link), OUTSIDE, "result file"),
    file_fault("a virtual dataset", "result.nc", _hdf5(_virtual), OUTSIDE, "result file"),
)


def _text(text: str, encoding: str = "utf-8") -> Write:
    return content(text.encode(encoding))


def _members(*names: str) -> Write:
    def write(path: Path) -> None:
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")
            for name in names:
                archive.writestr(f"{name}.npy", npy_header(COUNTS.shape, "<i8") + COUNTS.astype("<i8").tobytes())

    return write


TABLES = (
    file_fault("Latin-1", "x.csv", _text("time,Größe\n1,2\n", "latin-1"), "UTF-8"),
    file_fault("UTF-16", "x.csv", _text("a,b\n1,2\n", "utf-16"), "UTF-8|cannot read"),
    file_fault("NUL bytes", "x.csv", content(b"\0" * 500), "activity|cannot read|no rows|NUL|number"),
    file_fault("semicolons", "x.csv", _text("a;b\n1;2\n"), "semicolon"),
    file_fault("names only", "x.csv", _text("a,b\n"), "no rows"),
    file_fault("ragged rows", "x.csv", _text("a,b\n1,2\n1,2,3\n1,2,3,4\n"), DAMAGED),
    file_fault("an open quote", "x.csv", _text('a,b\n"1,2\n' * 30), f"{DAMAGED}|activity"),
    file_fault("one line of a megabyte", "x.csv", _text("a" * 10**6), "no rows|activity"),
    file_fault("formulas", "x.csv", _text("=cmd(),b\n=1+1,2\n=1+1,3\n"), "activity|which of"),
)


def _named(given: Given) -> Given:
    path = given.folder / "<script>alert(1)<\\x1b[2J>\u202e.npz"
    _members(*HOSTILE_NAMES)(path)
    return replace(given, path=path)


ASKED = "which of|nothing looks like"
NAMES = (
    Fault("hostile names of file and arrays", "path", _named, ASKED),
    file_fault("absolute paths in the archive", "x.npz", _members("/etc/passwd", "/tmp/x"), ASKED),
    file_fault("paths upwards in the archive", "x.npz", _members("../../x", "../y"), ASKED),
    file_fault("two members of one name", "x.npz", _members("activity", "activity"), "more than one"),
)


def _model(header: object, **arrays: object) -> Write:
    def write(path: Path) -> None:
        write_arrays(path, header, {name: np.asarray(values) for name, values in arrays.items()})  # type: ignore[arg-type]

    return write


KIND = "neuromanifold.TopologicalVAE"
MODELS = (
    *(
        file_fault(name, "model.npz", write, says, "model file")
        for name, write, says in (
            ("missing", lambda path: None, "no such file"),
            ("zero bytes", content(b""), "empty"),
            ("noise", content(b"PK\x03\x04noise" * 50), DAMAGED),
            ("a recording", SOUND["x.npz"], DAMAGED),
            ("a header that is a list", _model([1, 2]), "header|damaged|holds"),
            ("a header that is a number", _model(3), "header|damaged|holds"),
            ("no kind", _model({}), "holds|kind"),
            ("an unknown kind", _model({"kind": "x"}), "holds|kind"),
            ("a schema that is no number", _model({"kind": KIND, "schema": "two"}), "schema"),
            ("a schema of the future", _model({"kind": KIND, "schema": 99}), "schema"),
            ("no settings", _model({"kind": KIND, "schema": 2}), "incomplete|damaged"),
            ("settings of no meaning", _model({"kind": KIND, "schema": 2, "settings": {"a": 1}}), "incomplete|damaged"),
            ("settings that are a list", _model({"kind": KIND, "schema": 2, "settings": [1]}), "incomplete|damaged"),
        )
    ),
    *(
        file_fault(name, "resnet.th", write, says, "weights file")
        for name, write, says in (
            ("missing", lambda path: None, "no such file"),
            ("zero bytes", content(b""), "empty"),
            ("noise", content(b"noise" * 50), "weights"),
            ("a zip of nothing", content(b"PK\x05\x06" + bytes(18)), "weights"),
        )
    ),
    *(
        file_fault(name, "result.nc", write, says, "result file")
        for name, write, says in (
            ("missing", lambda path: None, "no such file"),
            ("zero bytes", content(b""), "empty"),
            ("noise", content(b"noise" * 50), DAMAGED),
            ("a recording", SOUND["x.nc"], f"{DAMAGED}|no '"),
        )
    ),
    *(
        file_fault(name, "x-images-idx3-ubyte", write, says, "image file")
        for name, write, says in (
            ("missing", lambda path: None, "no such file"),
            ("zero bytes", content(b""), "empty"),
            ("noise", content(b"noise" * 50), "begins with"),
            ("a folder", lambda path: path.mkdir(), "no images"),
        )
    ),
)
assert len(COUNTS) == N_TIMES

HOSTILE = (*CODES, *LINKS, *TABLES, *NAMES, *MODELS)
