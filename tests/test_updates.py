"""A fit that goes on: from itself (warm start), and with samples that arrive later (``partial_fit``)."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError

FAST: dict[str, Any] = {"n_init": 1, "max_epochs": 1, "device": "cpu", "random_state": 0}
N, HALF = 1000, 500


def circle(likelihood: str, labelled: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Noisy wiggles (1000, 10) or counts (1000, 20), and angles if they are known."""
    if likelihood == "gaussian":
        rec = nm.synthetic.circle(n_times=N, n_units=10, distortion="wiggles", noise_var=0.01, random_state=0)
        x, y = rec["activity"].to_numpy(), rec["angle"].to_numpy()
    else:
        rec = nm.synthetic.head_direction_cells(n_times=N, n_units=20, random_state=0)
        x, y = rec["activity"].to_numpy().astype(float), rec["head_direction"].to_numpy()
    return x, y if labelled else None


def part(y: np.ndarray | None, rows: slice) -> np.ndarray | None:
    return None if y is None else y[rows]


def in_halves(x: np.ndarray, y: np.ndarray | None, likelihood: str) -> tuple[nm.TopologicalVAE, nm.TopologicalVAE]:
    """After the first half, and after both."""
    model = nm.TopologicalVAE(likelihood=likelihood, **FAST)
    first = deepcopy(model.partial_fit(x[:HALF], part(y, slice(HALF))))
    return first, model.partial_fit(x[HALF:], part(y, slice(HALF, None)))


def apart(a: nm.TopologicalVAE, b: nm.TopologicalVAE, x: np.ndarray) -> float:
    """Root-mean-square distance of the points of two manifolds that samples are decoded to, in any gauges."""
    gap = a.inverse_transform(a.transform(x)) - b.inverse_transform(b.transform(x))
    return float(np.sqrt((gap**2).sum(1).mean()))


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("labelled", [True, False])
def test_halves_are_the_whole(likelihood: str, labelled: bool) -> None:
    x, y = circle(likelihood, labelled)
    whole = nm.TopologicalVAE(likelihood=likelihood, **FAST).fit(x, y)
    first, both = in_halves(x, y, likelihood)
    distance, before = apart(both, whole, x), apart(first, whole, x)
    print(f"{likelihood} labels={labelled}: halves {distance:.2g}, first half {before:.2g} from the fit of all")
    assert distance < (1e-6 if labelled else 0.75) * before
    # No worse a description of all samples than the fit of them at once, to the noise of a likelihood's last digits.
    assert both.score(x) > whole.score(x) - 0.02
    assert both.gauge_ == first.gauge_


def test_coordinates_stay_when_samples_arrive() -> None:
    x, _ = circle("gaussian", False)
    first, both = in_halves(x, None, "gaussian")
    turned = np.angle(np.exp(1j * (first.angles(x) - both.angles(x))))
    assert np.abs(turned).mean() < 0.03


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_fit_goes_on_from_itself_to_itself(likelihood: str, labelled: bool) -> None:
    x, y = circle(likelihood, labelled)
    model = nm.TopologicalVAE(likelihood=likelihood, warm_start=True, **FAST).fit(x, y)
    before = deepcopy(model)
    model.fit(x, y)
    size = float(np.sqrt(x.var(0).sum()))
    assert apart(model, before, x) < (1e-9 if labelled else 0.01) * size
    assert model.score(x) > before.score(x) - 1e-2


def test_a_warm_start_makes_no_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = circle("gaussian", False)
    model = nm.TopologicalVAE(warm_start=True, **FAST).fit(x)

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a start was made")

    monkeypatch.setattr("neuromanifold.models.generative.start_coordinates", refused)
    model.fit(x[:800])
    with pytest.raises(AssertionError, match="a start was made"):
        model.set_params(warm_start=False).fit(x)


def test_same_seed_same_numbers_and_files_go_on(tmp_path: Path) -> None:
    for likelihood in ("gaussian", "negative_binomial"):
        x, y = circle(likelihood, True)
        y = np.where(np.arange(N) % 3 == 0, np.nan, y)
        first, both = in_halves(x, y, likelihood)
        _, again = in_halves(x, y, likelihood)
        np.testing.assert_array_equal(both.decoder_.weight, again.decoder_.weight)
        np.testing.assert_array_equal(both.encode(x).loc, again.encode(x).loc)
        first.save(tmp_path / "model.npz")
        loaded = nm.load_model(tmp_path / "model.npz").partial_fit(x[HALF:], y[HALF:])
        np.testing.assert_array_equal(both.decoder_.weight, loaded.decoder_.weight)


def test_labels_may_be_missing_later() -> None:
    x, y = circle("gaussian", True)
    model = nm.TopologicalVAE(**FAST).partial_fit(x[:HALF], y[:HALF]).partial_fit(x[HALF:])
    whole = nm.TopologicalVAE(**FAST).fit(x, y)
    assert model.gauge_ == "task coordinates"
    assert apart(model, whole, x) < 0.03


def test_what_cannot_go_on_is_named() -> None:
    x, y = circle("gaussian", True)
    model = nm.TopologicalVAE(**FAST).fit(x)
    with pytest.raises(InputError, match="without labels"):
        model.partial_fit(x, y)
    with pytest.raises(NotEnoughDataError, match=r"n_samples=5.*at least 8"):
        model.partial_fit(x[:5])
    with pytest.raises(InputError, match="groups"):
        model.partial_fit(x, groups=np.zeros(3))
    with pytest.raises(InputError, match="10 features"):
        model.partial_fit(x[:, :4])
    with pytest.raises(InputError, match=r"circle.*sphere.*warm_start=False"):
        model.set_params(template="sphere", warm_start=True).fit(x)
    old = nm.load_model(Path(__file__).parent / "files" / "model_schema_1.npz")
    with pytest.raises(InputError, match="earlier version"):
        old.partial_fit(x[:, :4])
