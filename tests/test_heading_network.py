"""Networks trained on a recording's heading: what they are shown, what they learn, and their place beside a brain."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.data.recording import check
from neuromanifold.experiments.heading_network import ARCHITECTURES, heading_network, train_heading_network
from neuromanifold.experiments.heading_task import HeadingTask
from neuromanifold.featuremaps import layer
from neuromanifold.networks import Recurrent
from neuromanifold.profile import immersion_profile
from neuromanifold.report.document import render

NAMES = ("dimensionless_mean_curvature", "log_volume")


def path(n: int = 400, seed: int = 0, gaps: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A heading that turns for n samples in two intervals, unknown here and there."""
    rng = np.random.default_rng(seed)
    heading = np.mod(np.cumsum(rng.normal(0, 0.1, n)), 2 * np.pi)
    if gaps:
        heading[50:60] = np.nan
    return heading, np.repeat([0, 1], [n // 4, n - n // 4])


def head_direction(seconds: float = 60) -> xr.Dataset:
    return nm.datasets.load("head_direction").sel(time=slice(0, seconds))


# -- the task -----------------------------------------------------------------------------------------------


def test_turns_and_landmarks_tell_the_heading() -> None:
    """Adding up the turns since the last landmark gives the heading back, across gaps and intervals."""
    heading, groups = path()
    task = HeadingTask(heading, groups, seen=0.05)
    turn, cos, sin = task.inputs(np.random.default_rng(0))[0].double().numpy().T
    seen = np.hypot(cos, sin) > 0.5
    assert 0.02 < seen.mean() < 0.1
    told = np.full(len(heading), np.nan)
    for t in np.flatnonzero(np.isfinite(heading)):
        told[t] = np.arctan2(sin[t], cos[t]) if seen[t] else told[t - 1] + turn[t] * task.scale
    known = np.isfinite(heading)
    np.testing.assert_allclose(np.exp(1j * told[known]), np.exp(1j * heading[known]), atol=1e-4)
    np.testing.assert_array_equal(np.stack([turn, cos, sin])[:, ~known], 0)


def test_sequences_are_stretches_of_the_path_turned() -> None:
    heading, groups = path()
    sequences = HeadingTask(heading, groups, seen=0.0).sequences(200, 30, np.random.default_rng(1))
    assert sequences.inputs.shape == (200, 30, 3)
    targets = torch.view_as_complex(sequences.targets).numpy()
    np.testing.assert_allclose(np.abs(targets), 1, atol=1e-6)
    # No stretch runs into the gap or across the border: the turns between samples are those of the path.
    assert np.abs(np.angle(targets[:, 1:] / targets[:, :-1])).max() < 0.5
    # A landmark where a stretch begins, and nowhere else.
    seen = sequences.inputs[:, :, 1:].norm(dim=2).numpy()
    np.testing.assert_allclose(seen, np.broadcast_to(np.eye(30)[0], seen.shape), atol=1e-6)
    # Turned at random: every direction is about as frequent.
    assert abs(targets.mean()) < 0.2


def test_short_paths_give_short_stretches_or_none() -> None:
    heading, groups = path(80, gaps=False)
    assert HeadingTask(heading, groups, 1.0).sequences(5, 100, np.random.default_rng(0)).inputs.shape[1] == 60
    heading[::5] = np.nan
    with pytest.raises(NotEnoughDataError, match="at most 4 samples"):
        HeadingTask(heading, groups, 1.0).sequences(5, 100, np.random.default_rng(0))
    with pytest.raises(InputError, match="never turns"):
        HeadingTask(np.zeros(50), np.zeros(50, int), 1.0)


# -- the networks -------------------------------------------------------------------------------------------


def test_a_recurrent_network_is_its_formula() -> None:
    network = Recurrent(3, 7, 2, torch.Generator().manual_seed(0)).double()
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    h, W = torch.zeros(2, 7, dtype=torch.float64), network.recurrence.weight_hh_l0
    torch.testing.assert_close(W @ W.T, torch.eye(7, dtype=torch.float64), atol=1e-6, rtol=0)
    for t in range(5):
        h = torch.tanh(h @ W.T + x[:, t] @ network.recurrence.weight_ih_l0.T)
        torch.testing.assert_close(network.units(x)[:, t], h)
        torch.testing.assert_close(network(x)[:, t], h @ network.readout.weight.T)
    with pytest.raises(InputError, match="0"):
        Recurrent(3, 0, 2, torch.Generator())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_network_becomes_a_recording_like_the_animals(architecture) -> None:
    recording = head_direction()
    settings = {"architecture": architecture, "n_units": 12, "n_epochs": 2}
    state = torch.random.get_rng_state()
    network = heading_network(recording, "head_direction", **settings, random_state=0)
    assert torch.equal(state, torch.random.get_rng_state())
    xr.testing.assert_identical(network, check(network))
    assert network["activity"].sizes == {"time": recording.sizes["time"], "unit": 12}
    xr.testing.assert_identical(network["head_direction"], recording["head_direction"])
    assert json.loads(network.attrs["network"])["architecture"] == architecture
    again = heading_network(recording, "head_direction", **settings, random_state=0)
    np.testing.assert_array_equal(network["activity"], again["activity"])
    other = heading_network(recording, "head_direction", **settings, random_state=1)
    assert not np.allclose(network["activity"], other["activity"])


def test_training_is_what_tells_the_heading() -> None:
    settings = {"architecture": "feedforward", "n_units": 24, "random_state": 0}
    untrained, trained = (
        json.loads(heading_network(head_direction(), "head_direction", n_epochs=n, **settings).attrs["network"])
        for n in (0, 4)
    )
    assert trained["held_out_loss"] < 0.1 * untrained["held_out_loss"]
    assert trained["median_error_degrees"] < 10 < untrained["median_error_degrees"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"variable": "nothing"}, "not in the recording; circular are: head_direction"),
        ({"architecture": "transformer"}, "'recurrent', 'feedforward'"),
        ({"n_units": 1}, "n_units"),
        ({"n_epochs": -1}, "n_epochs"),
        ({"n_epochs": 2.5}, "n_epochs"),
    ],
)
def test_what_cannot_be_learned_is_named(wrong, why) -> None:
    with pytest.raises(InputError, match=why):
        heading_network(head_direction(10), **{"variable": "head_direction"} | wrong)


def test_the_fit_finds_the_curvature_of_a_network_that_is_known() -> None:
    """A feed-forward network's manifold is known: its layer over the landmarks, at rest or averaged over turns."""
    recording = head_direction(240)
    network = train_heading_network(
        recording, "head_direction", architecture="feedforward", n_units=24, n_epochs=8, random_state=0
    )
    activity, told = network.follow(np.random.default_rng(0))
    heading = recording["head_direction"].to_numpy()
    known = np.isfinite(heading)
    assert np.median(np.abs(np.angle(np.exp(1j * (told - heading))))[known]) < np.deg2rad(5)
    phi = layer(network.module.double(), "layers.3")
    turns = torch.as_tensor(np.quantile(network.task.turn[known] / network.task.scale, (np.arange(16) + 0.5) / 16))

    def ring(z: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        shown = (torch.cat([turn.expand(z[..., :1].shape), z], dim=-1) for turn in turns)
        return torch.stack([phi(x) for x in shown]).mean(dim=0)

    def agreement(activity: np.ndarray, turns: torch.Tensor) -> xr.Dataset:
        vae = nm.TopologicalVAE("circle", random_state=0).fit(activity, heading[known])
        truth = nm.geometry.Immersion(nm.manifolds.Sphere(1), lambda z: ring(z, turns))
        return nm.compare.curvature(nm.curvature_profile(vae), immersion_profile(truth), ("fitted", "known"))

    landmarks = torch.as_tensor(np.stack([np.cos(heading[known]), np.sin(heading[known])], axis=1))
    at_rest = agreement(ring(landmarks, torch.zeros(1)).numpy(), torch.zeros(1))
    np.testing.assert_allclose(*at_rest["dimensionless_mean_curvature"], rtol=1e-3)
    turning = agreement(activity[known], turns)
    assert all(float(turning[f"{name}_correlation"]) > 0.9 for name in NAMES)


# -- brain beside network -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared():
    analysis = nm.analyze(head_direction(90), "head_direction", n_shuffles=19, n_bootstrap=5, random_state=0)
    return nm.compare_network(analysis, architecture="feedforward", n_units=24, n_epochs=4, random_state=0)


def test_recording_and_network_go_through_the_same_pipeline(compared) -> None:
    brain, network = compared.recording, compared.network
    assert brain.topology.template_ == network.topology.template_ == "circle"
    assert {k: v for k, v in brain.settings.items() if not k.endswith(("smoothing", "state"))} == {
        k: v for k, v in network.settings.items() if not k.endswith(("smoothing", "state"))
    }
    # The measures are those of the two prepared activities, and both follow one heading: far from chance.
    pair = brain.prepared["activity"].to_numpy(), network.prepared["activity"].to_numpy()
    for measure in ("cka", "procrustes", "rsa"):
        found = compared.measures.sel(measure=measure)
        alone = getattr(nm.compare, measure)(*pair, n_bootstrap=0, n_shuffles=0)
        assert float(found["value"]) == pytest.approx(float(alone["value"]))
        assert float(found["p_value"]) < 0.02
    beside = compared.curvature
    for i, profile in enumerate((brain.profile, network.profile)):
        np.testing.assert_array_equal(beside[NAMES[0]].isel(representation=i), profile[NAMES[0]])
        np.testing.assert_array_equal(beside[f"{NAMES[0]}_upper"].isel(representation=i), profile[f"{NAMES[0]}_upper"])


def test_one_report_holds_both(compared, tmp_path) -> None:
    content = compared.content("a <session>")
    names = [picture.name for picture in content.figures]
    assert len(set(names)) == len(names)
    assert {"beside_log_volume", "barcodes", "network_barcodes", "manifold", "network_manifold"} <= set(names)
    page = render(content)
    assert "a &lt;session&gt;, beside a feedforward network" in page
    for word in ("debiased linear CKA", "angular shape distance", "RSA", "correlation of the curvature profiles"):
        assert word in page
    compared.to_netcdf(tmp_path / "both.nc")
    with xr.open_datatree(tmp_path / "both.nc", engine="h5netcdf") as tree:
        assert tree["network"].attrs["template"] == "circle"
        assert set(tree["comparison/measures"]["measure"].to_numpy()) == {"cka", "procrustes", "rsa"}
        np.testing.assert_array_equal(
            tree["network/units"]["activity"], compared.network.recording["activity"].to_numpy()
        )


def test_without_two_circles_of_the_variable_curvature_is_not_compared(compared, monkeypatch) -> None:
    undecided = compared.recording.__class__(
        compared.recording.recording,
        compared.recording.prepared,
        compared.recording.topology,
        variable="head_direction",
        settings=compared.recording.settings,
    )
    monkeypatch.setattr("neuromanifold.comparison.analyze", lambda *_, **__: compared.network)
    found = nm.compare_network(undecided, architecture="feedforward", n_epochs=0, random_state=0)
    assert found.curvature is None
    assert any("not both circles" in caveat for caveat in found.content().caveats)
    assert not any(picture.name.startswith("beside") for picture in found.content().figures)


def test_a_network_needs_an_analysis_of_a_heading(compared) -> None:
    with pytest.raises(InputError, match="Dataset"):
        nm.compare_network(compared.recording.recording)
    without = compared.recording.__class__(
        compared.recording.recording, compared.recording.prepared, compared.recording.topology
    )
    with pytest.raises(InputError, match="no task variable"):
        nm.compare_network(without)
