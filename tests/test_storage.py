"""Files are whole or absent, and what is read back is what was written."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from neuromanifold import storage
from neuromanifold._errors import FileFormatError


def half_written(target, fault: BaseException) -> None:
    with storage.atomic_path(target) as temporary:
        temporary.write_text("half of the n")
        raise fault


def test_an_interrupted_write_leaves_the_old_file(tmp_path) -> None:
    target = tmp_path / "a.txt"
    storage.write_text(target, "old")
    with pytest.raises(KeyboardInterrupt):
        half_written(target, KeyboardInterrupt())
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_first_write_leaves_nothing(tmp_path) -> None:
    with pytest.raises(RuntimeError):
        half_written(tmp_path / "new", RuntimeError())
    assert list(tmp_path.iterdir()) == []


def test_arrays_round_trip_without_pickle(tmp_path) -> None:
    path = tmp_path / "a.npz"
    arrays = {"x": np.arange(6.0).reshape(2, 3), "n": np.array(3)}
    storage.write_arrays(path, {"kind": "test", "values": [1, 2]}, arrays)
    header, read = storage.read_arrays(path)
    assert header == {"kind": "test", "values": [1, 2]}
    assert set(read) == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(read[name], values)
    with pytest.raises(ValueError, match="Object arrays"):
        storage.write_arrays(path, {}, {"x": np.array([{}], dtype=object)})


def test_groups_round_trip(tmp_path) -> None:
    path = tmp_path / "a.nc"
    parts = {"/": xr.Dataset(attrs={"version": "1"}), "profile": xr.Dataset({"h": ("point", np.arange(3.0))})}
    storage.write_netcdf(path, parts)
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.attrs["version"] == "1"
        np.testing.assert_array_equal(tree["profile"]["h"], [0, 1, 2])


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"", "empty"), (b"PK\x03\x04 and then nothing", "damaged"), (b"text", "does not begin")],
)
def test_unreadable_files_are_named(tmp_path, content, said) -> None:
    path = tmp_path / "x.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileFormatError, match=said):
        storage.read_arrays(path)


def test_an_object_array_is_refused(tmp_path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, __header__=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="damaged"):
        storage.read_arrays(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")
    with pytest.raises(FileFormatError, match="cannot write"):
        storage.write_text(blocker / "below" / "a.txt", "x")
