"""The whole line on recordings whose answer is known, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.benchmarks.statistics import trials
from neuromanifold.data.inference import InferenceWarning
from neuromanifold.profile import immersion_profile
from neuromanifold.report.document import format_number
from neuromanifold.report.tables import tables
from neuromanifold.statistics import best_rotation

FAST = {"n_shuffles": 19, "n_bootstrap": 4, "random_state": 0}


@pytest.fixture(scope="module")
def recording() -> xr.Dataset:
    return nm.synthetic.head_direction_cells(n_times=4000, n_units=20, random_state=1)


@pytest.fixture(scope="module")
def analysis(recording):
    return nm.analyze(recording, variable="head_direction", **FAST)


def test_a_ring_of_head_direction_cells_is_named_and_decoded(analysis) -> None:
    assert analysis.topology.template_ == "circle"
    assert float(analysis.statistics["decoding_error"]) < 10
    assert analysis.latent.sizes["time"] == analysis.recording.sizes["time"]
    assert analysis.latent.attrs["units"] == "radian"


def test_without_the_variable_the_latent_still_follows_it(recording) -> None:
    found = nm.analyze(recording, **FAST)
    error = best_rotation(found.latent.to_numpy()[:, 0], recording["head_direction"].to_numpy())[1]
    assert np.rad2deg(error) < 15
    assert found.model.gauge_ == "constant speed of the immersion"


def test_results_carry_units_settings_and_version(analysis, tmp_path) -> None:
    path = tmp_path / "result.nc"
    analysis.to_netcdf(path)
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.attrs["version"] == nm.__version__
        assert tree.attrs["template"] == "circle"
        assert "random_state" in tree.attrs
        assert tree["profile"]["mean_curvature_norm"].attrs["units"] == "1 / SD"
        assert {"bars", "against", "statistics", "latent", *analysis.details} <= set(tree.children)
        assert all(tree[name].attrs["version"] == nm.__version__ for name in analysis.details)


def test_report_says_the_verdict(analysis, tmp_path) -> None:
    path = tmp_path / "report.html"
    analysis.to_html(path, title="a <b> title")
    page = path.read_text()
    assert "The activity lies on a circle" in page
    assert "a &lt;b&gt; title" in page
    assert "beyond noise (p = " in page
    for table in tables(analysis.details):
        assert table.title in page
        assert all(f">{format_number(value)}<" in page for row in table.rows for value in row)
    assert len(analysis.figures()) >= 5


def test_same_seed_same_numbers(recording, analysis) -> None:
    again = nm.analyze(recording, variable="head_direction", **FAST)
    xr.testing.assert_identical(again.profile, analysis.profile)
    np.testing.assert_array_equal(again.latent, analysis.latent)


def test_rolled_units_are_not_a_circle(recording) -> None:
    rng = np.random.default_rng(0)
    counts = recording["activity"].to_numpy()
    rolled = np.stack([np.roll(unit, rng.integers(400, 3600)) for unit in counts.T], axis=1)
    control = recording.assign(activity=recording["activity"].copy(data=rolled))
    found = nm.analyze(control, n_shuffles=19, template_vote=False, random_state=0)
    assert found.topology.template_ != "circle"
    assert "template" not in found.settings
    assert found.profile is None


def test_a_template_can_be_asked_for(recording) -> None:
    found = nm.analyze(recording, template="circle", **FAST)
    assert found.settings["template"] == "circle"


def test_statistics_of_an_analysis(recording, analysis) -> None:
    assert set(analysis.details) == {"unit_shares", "held_out_variance", "controls", "variation", "explained"}
    assert analysis.details["unit_shares"]["unit"].to_numpy().tolist() == recording["unit"].to_numpy().tolist()
    assert 0.3 < float(analysis.statistics["held_out_variance"]) < 1
    # Curvature along the variable and its test are in the same bins.
    variation = analysis.details["variation"]
    np.testing.assert_allclose(analysis.against["p_bin"].sel(head_direction=variation["bin"]), variation["p_bin"])
    assert analysis.details["explained"]["alone"].sel(predictor="head_direction") > 0.95
    assert "1 / SD" in variation["mean_curvature_norm"].attrs["units"]


def test_conditions_and_preparations_when_asked(tmp_path) -> None:
    """An ellipse in every other trial, a circle else; the whole line tells the difference."""
    rec, angle = trials(1.3, 0)
    heading = xr.DataArray(angle, dims="time", attrs={"kind": "circular", "units": "rad", "period": 2 * np.pi})
    rec = rec.assign(heading=heading)
    asked = {"condition": "side", "sensitivity": True, "template": "circle", **FAST}
    found = nm.analyze(rec, variable="heading", **asked)
    assert float(found.details["conditions"]["p_value"]) <= 0.05
    assert float(found.details["sensitivity"]["agreement"][0]) == pytest.approx(1)
    assert "conditions" in found.figures()
    found.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Curvature differs between a and b" in page
    assert "Prepared otherwise" in page
    with pytest.raises(InputError, match="sensitivity"):
        nm.analyze(rec, sensitivity=True)
    with pytest.raises(InputError, match="speed"):
        nm.analyze(rec, condition="speed")


def test_an_undecided_verdict_is_put_to_the_vote_and_stays(monkeypatch, tmp_path) -> None:
    """A short ring with too few samples for topology's draws to agree; likelihood has a say, not the last one."""
    rec = nm.synthetic.circle(300, 8, amplitude=0.0, noise_var=0.01, random_state=0)
    topology = nm.find_template(rec, n_shuffles=19, random_state=0)
    topology.template_ = "undecided"
    monkeypatch.setattr("neuromanifold.pipeline.find_template", lambda *_, **__: topology)
    monkeypatch.setattr("neuromanifold.statistics.templates.N_INIT", 1)
    found = nm.analyze(rec, random_state=0)
    assert found.model is None
    assert found.details["templates"].attrs["favoured"] == "circle"
    found.to_html(tmp_path / "report.html")
    assert "likelihood favours circle" in (tmp_path / "report.html").read_text()
    assert not nm.analyze(rec, template_vote=False, random_state=0).details


def test_unknown_variable_lists_those_there_are(recording) -> None:
    with pytest.raises(InputError, match="head_direction"):
        nm.analyze(recording, variable="speed")


def test_curvature_of_the_simulated_ring_is_the_true_one(recording) -> None:
    """The fitted profile against that of the true rate map, in the same units."""
    prepared = nm.prepare(recording, transform=None, zscore=True)
    model = nm.TopologicalVAE(random_state=0, max_epochs=1)
    model.fit(prepared["activity"].to_numpy(), recording["head_direction"].to_numpy())
    estimated = nm.curvature_profile(model)
    true = immersion_profile(nm.synthetic.immersion_of(prepared))
    error = nm.curvature_error(estimated["mean_curvature_norm"], true["mean_curvature_norm"], true["area"])
    assert error < 0.05


@pytest.mark.parametrize("fault", ["nan", "labels", "one unit", "constant"])
def test_faults_are_named(recording, fault) -> None:
    broken = recording.isel(time=slice(0, 500)).copy(deep=True)
    if fault == "nan":
        values = broken["activity"].to_numpy().astype(float)
        values[3, 2] = np.nan
        broken = broken.assign(activity=broken["activity"].copy(data=values))
        with pytest.raises(InputError, match="NaN"):
            nm.analyze(broken, **FAST)
    elif fault == "labels":
        with pytest.raises(InputError, match="samples"):
            nm.as_recording(broken["activity"].to_numpy(), {"angle": np.zeros(3)}, sampling_period=0.1)
    elif fault == "one unit":
        with pytest.raises(InputError, match="at least 2"):
            nm.analyze(broken.isel(unit=slice(0, 1)), **FAST)
    else:
        values = broken["activity"].to_numpy().copy()
        values[:, 0] = 0
        broken = broken.assign(activity=broken["activity"].copy(data=values))
        with pytest.warns(UserWarning, match="dropped units"):
            found = nm.prepare(broken)
        assert found.sizes["unit"] == recording.sizes["unit"] - 1


def heading_profile(path: Path, activity: str, rows: slice = slice(None)) -> xr.Dataset:
    """Profile with bands of some rows of a recording, prepared as a whole; the head direction is the angle."""
    with pytest.warns(InferenceWarning):
        recording = nm.load(path, activity=activity)
    prepared = nm.prepare(recording, smoothing=0.15, zscore=True).isel(time=rows)
    X, y, groups = (prepared[name].to_numpy() for name in ("activity", "head_direction_rad", "interval"))
    model = nm.TopologicalVAE(label_tolerance=0, max_epochs=1, random_state=0).fit(X, y, groups)
    return nm.curvature_profile(model, X, y, groups, n_bootstrap=50, random_state=0)


@pytest.fixture(scope="module")
def path(shared_data):
    return shared_data("hd_mouse28") / "hd_mouse28_wake.npz"


@pytest.fixture(scope="module")
def mouse(path):
    with pytest.warns(InferenceWarning):
        return nm.load(path, activity="adn_counts")


@pytest.mark.slow
class TestMouse28:
    """The acceptance figures on a real recording: 17 head-direction cells of the anterodorsal thalamus."""

    def test_latent_follows_the_head_without_being_told(self, mouse) -> None:
        errors = []
        for seed in range(10):
            found = nm.analyze(mouse, n_bootstrap=0, n_shuffles=19, random_state=seed)
            assert found.topology.template_ == "circle"
            error = best_rotation(found.latent.to_numpy()[:, 0], mouse["head_direction_rad"].to_numpy())[1]
            errors.append(np.rad2deg(error))
        print("median errors, degrees:", np.round(errors, 2))
        assert np.sum(np.array(errors) <= 11) >= 9

    def test_held_out_decoding_with_the_variable(self, mouse) -> None:
        found = nm.analyze(mouse, variable="head_direction_rad", random_state=0)
        print("held-out decoding error, degrees:", float(found.statistics["decoding_error"]))
        assert float(found.statistics["decoding_error"]) <= 10.5

    @pytest.mark.parametrize("area", ["adn_counts", "pos_counts"])
    def test_two_halves_agree_within_their_bands(self, path, area) -> None:
        """Each half of the session fitted by itself, thalamus and post-subiculum."""
        n = 49_893
        first, second = (heading_profile(path, area, half) for half in (slice(0, n // 2), slice(n // 2, n)))
        for kind in ("", "_simultaneous"):
            low, high = (
                np.stack([half[f"mean_curvature_norm{kind}_{end}"] for half in (first, second)])
                for end in ("lower", "upper")
            )
            overlap = float((low.max(axis=0) <= high.min(axis=0)).mean())
            gap = np.abs(first["mean_curvature_norm"] - second["mean_curvature_norm"]).to_numpy()
            within = float((gap <= np.hypot(*(high - low) / 2)).mean())
            print(f"{area}, bands{kind}: overlap at {overlap:.2f} of angles, difference within both at {within:.2f}")
            assert overlap >= (1 if kind else 0.9)
            assert within >= (1 if kind else 0.8)

    def test_two_areas_side_by_side(self, path, tmp_path) -> None:
        profiles = [heading_profile(path, area) for area in ("adn_counts", "pos_counts")]
        beside = nm.compare.curvature(*profiles, ("ADn", "post-subiculum"))
        for name in ("dimensionless_mean_curvature", "log_volume"):
            print(name, "correlate:", float(beside[f"{name}_correlation"]), "p:", float(beside[f"{name}_p_value"]))
            nm.report.figures.curvature_beside(beside, name).get_figure().savefig(tmp_path / f"{name}.png")
        assert {"dimensionless_mean_curvature_lower", "log_volume_upper"} <= set(beside)

    @pytest.mark.parametrize("seed", range(3))
    def test_rolled_units_are_not_a_circle(self, mouse, seed) -> None:
        rng = np.random.default_rng(seed)
        counts = mouse["activity"].to_numpy()
        rolled = np.stack([np.roll(unit, rng.integers(2000, len(counts) - 2000)) for unit in counts.T], axis=1)
        control = mouse.assign(activity=mouse["activity"].copy(data=rolled))
        assert nm.analyze(control, template_vote=False, random_state=seed).topology.template_ != "circle"


def test_the_zero_of_each_interval_is_estimated(recording) -> None:
    """A compass whose zero jumps from trial to trial."""
    trial = np.repeat(np.arange(8), 500)
    zero = np.random.default_rng(0).uniform(-np.pi, np.pi, 8)
    heading = recording["head_direction"]
    period = float(heading.attrs["period"])
    moved = heading.copy(data=np.mod(heading.to_numpy() + zero[trial] * period / (2 * np.pi), period))
    # A second between trials, so that they are intervals.
    times = recording["time"].to_numpy() + trial
    session = recording.assign(head_direction=moved).assign_coords(time=times, interval=("time", trial))
    found = nm.analyze(session, "head_direction", template="circle", offsets="interval", **FAST)
    offset = found.details["offsets"]["offset"].to_numpy()[:, 0]
    error = np.angle(np.exp(1j * (offset - zero)))
    error = np.angle(np.exp(1j * (error - np.angle(np.exp(1j * error).mean()))))
    assert np.abs(error).max() < 0.1
    assert found.variable == "head_direction_less_offset"
    assert float(found.statistics["decoding_error"]) < 10
    assert found.model.gauge_ == "task coordinates"
    with pytest.raises(InputError, match="along time"):
        nm.analyze(session, "head_direction", offsets="day", **FAST)
    with pytest.raises(InputError, match="offsets"):
        nm.analyze(session, offsets="interval", **FAST)
