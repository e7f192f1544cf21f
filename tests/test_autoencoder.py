"""The geometric autoencoder as an estimator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cases import REGULARIZERS
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError, NotSmoothError
from neuromanifold.geometry.ambient import GaussianNoise, PoissonNoise
from neuromanifold.models.regularizers import (
    Conformal,
    Isometric,
    MinimumExtrinsicCurvature,
    MinimumIntrinsicCurvature,
    NeighborhoodReconstruction,
    Regularizer,
)

SMALL = {"hidden": (16,), "max_steps": 30, "device": "cpu", "random_state": 0}

LEARNT = {"hidden": (32, 32), "max_steps": 800, "learning_rate": 0.01}


def surface(n: int = 200, seed: int = 0) -> np.ndarray:
    """A bent sheet in R^4, in large units and far from the origin."""
    u = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    return 1000 + 50 * np.c_[u, u[:, 0] ** 2, u.prod(1)]


def fitted(*regularizers: Regularizer, **settings: object) -> nm.GeometricAutoencoder:
    return nm.GeometricAutoencoder(2, regularizers, **{**SMALL, **settings}).fit(surface())


def test_defaults_learn_a_sheet_of_any_units() -> None:
    model = nm.GeometricAutoencoder(2, max_steps=800, learning_rate=0.01, device="cpu", random_state=0).fit(surface())
    assert model.score(surface(seed=1)) > 0.99
    assert model.transform(surface()).shape == (200, 2)


def test_score_is_the_share_of_variance() -> None:
    model, other = fitted(), surface(seed=1)
    missed = np.square(other - model.inverse_transform(model.transform(other))).sum(1).mean()
    assert model.score(other) == pytest.approx(1 - missed / np.square(other - surface().mean(0)).sum(1).mean())


@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=repr)
def test_every_regulariser_trains_the_same_numbers_twice(regularizer: Regularizer) -> None:
    torch.manual_seed(1)
    first = fitted(regularizer, max_steps=6)
    torch.manual_seed(2)
    second = fitted(clone(regularizer), max_steps=6)
    assert np.isfinite(first.history_.train).all()
    np.testing.assert_array_equal(first.transform(surface()), second.transform(surface()))
    plain = fitted(regularizer.set_params(weight=0.0), max_steps=6)
    assert not np.allclose(plain.transform(surface()), first.transform(surface()))
    regularizer.set_params(weight=1.0)


# Poisson noise has units of its own: counts.
UNITLESS = [r for r in REGULARIZERS if not isinstance(getattr(r, "metric", None), PoissonNoise)]


@pytest.mark.parametrize("regularizer", UNITLESS, ids=repr)
def test_units_change_no_regularised_model(regularizer: Regularizer) -> None:
    model = fitted(regularizer, max_steps=4)
    other = nm.GeometricAutoencoder(2, (regularizer,), **{**SMALL, "max_steps": 4}).fit(surface() / 50 - 7)
    np.testing.assert_allclose(other.transform(surface() / 50 - 7), model.transform(surface()), atol=1e-4)


def test_isometric_regularisation_lowers_the_distortion() -> None:
    plain, held = fitted(**LEARNT), fitted(Isometric(0.1), **LEARNT)

    def distortion(model: nm.GeometricAutoencoder) -> float:
        z = torch.as_tensor(model.transform(surface()))
        return float(nm.geometry.distortion(model.immersion_, z).mean()["scaled_isometric"])

    assert distortion(held) < 0.2 * distortion(plain)
    assert held.score(surface()) > 0.99


def test_immersion_is_the_decoder_and_geometry_takes_it() -> None:
    model = fitted()
    z = torch.as_tensor(model.transform(surface()))
    np.testing.assert_allclose(model.immersion_(z), model.inverse_transform(z))
    assert model.immersion_(z).dtype == torch.float64
    assert torch.isfinite(nm.geometry.scalar_curvature(model.immersion_, z)).all()


def test_variational_posterior_is_narrow_where_the_data_are_clear() -> None:
    model = fitted(variational=True, **LEARNT)
    assert model.score(surface()) > 0.99
    law = model.encode(surface())
    np.testing.assert_allclose(law.loc, model.transform(surface()))
    assert float(law.scale.median()) < 0.3
    # Latents are pulled towards the prior N(0, I).
    assert 0.3 < float(law.loc.std()) < 1.5
    with pytest.raises(InputError, match="no posterior"):
        fitted().encode(surface())


def test_held_out_rows_stop_the_training() -> None:
    model = fitted(max_steps=4000, validation_fraction=0.3, patience=3, learning_rate=0.03)
    assert len(model.history_.train) < 2000
    assert model.history_.best_epoch == int(np.argmin(model.history_.held_out))


@pytest.mark.parametrize("variational", [False, True])
def test_files_hold_the_model_and_its_regularisers(tmp_path: Path, variational: bool) -> None:
    model = fitted(*REGULARIZERS, variational=variational, max_steps=4)
    model.save(tmp_path / "model.npz")
    read = nm.load_model(tmp_path / "model.npz")
    assert isinstance(read, nm.GeometricAutoencoder)
    np.testing.assert_array_equal(read.transform(surface()), model.transform(surface()))
    np.testing.assert_array_equal(read.inverse_transform([[0.1, 0.2]]), model.inverse_transform([[0.1, 0.2]]))
    assert [repr(r) for r in read.regularizers] == [repr(r) for r in model.regularizers]
    assert read.hidden == (16,)
    read.save(tmp_path / "again.npz")
    read.set_params(random_state=0).fit(surface())
    np.testing.assert_array_equal(read.transform(surface()), model.transform(surface()))


def test_weights_are_reached_by_a_grid_search() -> None:
    model = nm.GeometricAutoencoder(2, (Isometric(), NeighborhoodReconstruction(order=1)), **{**SMALL, "max_steps": 3})
    assert model.get_params()["regularizers__1__order"] == 1
    grid = {"regularizers__0__weight": [0.1, 10.0], "regularizers__1__n_neighbors": [3]}
    search = GridSearchCV(model, grid, cv=2).fit(surface())
    assert search.best_estimator_.regularizers[1].n_neighbors == 3
    # The one that was given is left alone.
    assert model.regularizers[1].n_neighbors == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"hidden": 8}, "hidden must be a sequence"),
        ({"validation_fraction": 0.99}, "leaves none"),
        ({"max_steps": 1.5}, "max_steps"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"regularizers": Isometric()}, "must be a tuple"),
        ({"regularizers": ("isometric",)}, "must be a tuple"),
        ({"regularizers": (Isometric(-1.0),)}, "weight of Isometric"),
        ({"regularizers": (Isometric(interpolation=-0.5),)}, "interpolation"),
        ({"regularizers": (NeighborhoodReconstruction(order=3),)}, "order of the expansion"),
        ({"regularizers": (NeighborhoodReconstruction(kernel="box"),)}, "'constant', 'heat'"),
        ({"regularizers": (NeighborhoodReconstruction(n_drawn=9),)}, "n_drawn"),
        ({"regularizers": (MinimumExtrinsicCurvature(n_probes=0),)}, "n_probes"),
        ({"regularizers": (Isometric(metric=np.eye(4)),)}, "nm.geometry.ambient"),
        ({"regularizers": (Isometric(metric=GaussianNoise([1.0, 2.0])),)}, "covariance is of 2 units"),
        ({"regularizers": (Isometric(metric=PoissonNoise(floor=0.0)),)}, "floor"),
        ({"n_components": 1, "regularizers": (Conformal(),)}, "Conformal is zero for every decoder of 1"),
        ({"n_components": 1, "regularizers": (MinimumIntrinsicCurvature(),)}, "zero for every decoder"),
        ({"activation": "step"}, "activation must be one of"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nm.GeometricAutoencoder(**{**SMALL, **settings}).fit(surface(20))


def test_wrong_data_and_uses_are_told(tmp_path: Path) -> None:
    model = fitted()
    with pytest.raises(NotSmoothError, match="twice continuously"):
        fitted(activation="relu")
    with pytest.raises(InputError, match="all rows of X are the same"):
        nm.GeometricAutoencoder(**SMALL).fit(np.ones((5, 3)))
    with pytest.raises(NotEnoughDataError, match="n_neighbors=5"):
        nm.GeometricAutoencoder(2, (NeighborhoodReconstruction(),), **SMALL).fit(surface(4))
    with pytest.raises(InputError, match=r"shape \(n, 2\)"):
        model.inverse_transform(np.zeros((3, 3)))
    with pytest.raises(InputError, match="there are 0 regularizers"):
        model.set_params(regularizers__0__weight=1.0)
    with pytest.raises(InputError, match="no parameter 'size'"):
        Isometric().set_params(size=1)
    nm.storage.write_arrays(tmp_path / "other.npz", {"kind": "other"}, {})
    with pytest.raises(InputError, match="it must be one of"):
        nm.load_model(tmp_path / "other.npz")
