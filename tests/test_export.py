"""Results in other forms are the same numbers, whole or absent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import h5py
import numpy as np
import pandas as pd
import pytest
import report_fakes
import xarray as xr

import neuromanifold as nm
from neuromanifold import storage
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.analysis import Analysis
from neuromanifold.export import table

pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")


@pytest.fixture
def analysis() -> Analysis:
    """What an analysis of a circle leaves, laid out by hand: writing it down does not depend on the numbers."""
    made = report_fakes.analysis("circle")
    return Analysis(
        made.recording, made.prepared, made.topology, latent=made.latent, profile=made.profile, against=made.against,
        statistics=made.statistics, settings={"random_state": "0"},
    )  # fmt: skip


def test_rows_run_along_the_dimension_most_variables_have():
    ds = xr.Dataset(
        {
            "a": ("x", np.arange(3.0), {"units": "s"}),
            "m": (("x", "k"), np.arange(6.0).reshape(3, 2)),
            "n": ("k", [1, 2]),
        },
        coords={"x": [10, 20, 30], "k": ["p", "q"]},
    )
    frame = table(ds)
    assert list(frame.columns) == ["a", "m_p", "m_q"]
    assert frame.index.tolist() == [10, 20, 30]
    assert frame.attrs["units"]["a"] == "s"
    np.testing.assert_array_equal(frame["m_q"], ds["m"].sel(k="q"))


def test_every_part_is_a_table(analysis):
    for name, part in analysis.parts().items():
        if name != "/":
            assert len(analysis.to_dataframe(name)) > 0, name
            assert set(analysis.to_dataframe(name).attrs["units"]) >= {
                str(v)
                for v, values in part.data_vars.items()
                if values.dims == (analysis.to_dataframe(name).index.name,)
            }
    latent = analysis.to_dataframe()
    np.testing.assert_array_equal(latent["latent_0"], analysis.latent.to_numpy()[:, 0])
    np.testing.assert_array_equal(latent["head_direction"], analysis.prepared["head_direction"])
    assert latent.index.name == "time"
    numbers = analysis.to_dataframe("statistics")
    assert numbers.loc["mean_curvature", "value"] == float(analysis.statistics["mean_curvature"])
    with pytest.raises(InputError, match="no part 'curves'; there are profile"):
        analysis.to_dataframe("curves")


def test_csv_tables_state_their_units(analysis, tmp_path):
    analysis.to_csv(tmp_path / "tables")
    profile = pd.read_csv(tmp_path / "tables" / "profile.csv")
    np.testing.assert_allclose(profile["mean_curvature_norm"], analysis.profile["mean_curvature_norm"], rtol=1e-12)
    columns = pd.read_csv(tmp_path / "tables" / "columns.csv").set_index(["table", "column"])["units"]
    assert columns["profile", "mean_curvature_norm"] == analysis.profile["mean_curvature_norm"].attrs["units"]
    assert json.loads((tmp_path / "tables" / "about.json").read_text())["template"] == "circle"


def test_zarr_holds_what_netcdf_holds(analysis, tmp_path):
    pytest.importorskip("zarr", reason="pip install neuromanifold[zarr]")
    for _ in range(2):
        analysis.to_zarr(tmp_path / "result.zarr")
    with xr.open_datatree(tmp_path / "result.zarr", engine="zarr", consolidated=False) as tree:
        xr.testing.assert_equal(tree["profile"].to_dataset(), analysis.parts()["profile"])
        assert tree.attrs["version"] == nm.__version__
    assert [path.name for path in tmp_path.iterdir()] == ["result.zarr"]


def half_written(target):
    with storage.atomic_folder(target) as temporary:
        (temporary / "half").write_text("")
        raise KeyboardInterrupt


def test_an_interrupted_store_leaves_the_old_one(tmp_path):
    pytest.importorskip("zarr", reason="pip install neuromanifold[zarr]")
    storage.write_zarr(tmp_path / "a.zarr", xr.Dataset({"x": ("t", np.arange(3))}))
    with pytest.raises(KeyboardInterrupt):
        half_written(tmp_path / "a.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    assert xr.open_zarr(tmp_path / "a.zarr", consolidated=False)["x"].to_numpy().tolist() == [0, 1, 2]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(FileFormatError, match="is no zarr store"):
        storage.write_zarr(tmp_path / "mine", xr.Dataset())
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_session_of_nwb_carries_its_results(analysis, tmp_path):
    pynwb = pytest.importorskip("pynwb", reason="pip install neuromanifold[nwb]")
    session, target = tmp_path / "session.nwb", tmp_path / "with results.nwb"
    with pynwb.NWBHDF5IO(str(session), "w") as io:
        io.write(pynwb.NWBFile("a session", "id1", datetime(2020, 1, 1, tzinfo=UTC)))
    before = session.read_bytes()
    analysis.to_nwb(target, session)
    assert session.read_bytes() == before
    with pynwb.NWBHDF5IO(str(target), "r") as io:
        module = io.read().processing["neuromanifold"]
        assert json.loads(module.description)["template"] == "circle"
        np.testing.assert_array_equal(module["latent"].data[:], analysis.latent)
        np.testing.assert_array_equal(module["latent"].timestamps[:], analysis.latent["time"])
        profile = module["profile"].to_dataframe()
        np.testing.assert_array_equal(profile["mean_curvature_norm"], analysis.profile["mean_curvature_norm"])
        units = analysis.profile["mean_curvature_norm"].attrs["units"]
        assert module["profile"]["mean_curvature_norm"].description == f"units: {units}"
    assert pynwb.validate(path=str(target)) in ([], None, ([], 0))
    with pytest.raises(InputError, match="holds results already"):
        analysis.to_nwb(tmp_path / "again.nwb", target)
    with h5py.File(tmp_path / "other.nwb", "w") as file:
        file["x"] = 1
    with pytest.raises(FileFormatError, match="pynwb cannot add"):
        analysis.to_nwb(tmp_path / "again.nwb", tmp_path / "other.nwb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.nwb", "session.nwb", "with results.nwb"]
