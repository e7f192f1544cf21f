"""The curvature profile: local and global geometry of a fitted manifold over the points of its template.

At each point of the template: the norm of the mean curvature vector ``|H|`` (the average convention, 1/R on
a circle or sphere of radius R), the scalar curvature S (2/R^2 on a 2-sphere) and the log volume element
relative to the template's own. ``|H|`` scales as 1/length, so it is given without units too: times ``Length
/ 2 pi`` for curves, ``sqrt(Area / 4 pi)`` for surfaces, 1 on round ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import xarray as xr
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._settings import check_jobs, check_level, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.bands import with_bands
from neuromanifold.bootstrap import bootstrap_decoders
from neuromanifold.geometry import Immersion, LocalGeometry, local_geometry
from neuromanifold.geometry.derivatives import TaylorJet, over_points
from neuromanifold.geometry.extrinsic import gauss_scalar
from neuromanifold.geometry.forms import SecondForm
from neuromanifold.manifolds import Grid, Manifold
from neuromanifold.models import HarmonicDecoder, TopologicalVAE

__all__ = ["curvature_error", "curvature_profile", "immersion_profile"]

N_POINTS = {1: 360, 2: 2500}
QUANTITIES = {
    "mean_curvature_norm": ("mean curvature |H|", "1 / activity unit", "average convention: 1/R on a circle or sphere"),
    "dimensionless_mean_curvature": (
        "dimensionless mean curvature",
        "",
        "|H| · Length / 2π (curves) or |H| · √(Area / 4π) (surfaces): 1 on round ones",
    ),
    "scalar_curvature": ("scalar curvature S", "1 / activity unit^2", "twice the Gaussian curvature on surfaces"),
    "log_volume": ("log volume element", "log activity unit", "relative to the template's own volume"),
}


def curvature_profile(
    model: TopologicalVAE,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 0,
    *,
    n_points: int | None = None,
    level: float = 0.9,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Curvature of a fitted model over its template, optionally with error bands.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted.
    X, y, groups : arrays (n, d), (n,) or (n, k), (n,), optional
        Data of the refits; X is needed for the band, y (angles, NaN unknown) where the fit had labels.
    n_bootstrap : int
        Draws of the decoder for the bands (50 are enough; 0 for none): noise of resampled blocks of time, or of
        intervals where ``groups`` has at least 20, choice of prior, and smoothing bias, at the coordinates of the fit.
    n_points : int, optional
        Points of the template's grid (about; 360 on a circle, 2,500 on a surface).
    level : float
        Coverage of the bands: of a point on average over the profile (pointwise), of the whole (simultaneous).
    n_jobs : int, optional
        Draws at once, as in joblib; the numbers do not depend on it.
    verbose : bool
        A progress bar.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        Dimension ``point``, coordinates ``angle_0`` ... in radians and ``area`` (share of the manifold's
        volume); variables mean_curvature_norm, dimensionless_mean_curvature, scalar_curvature, log_volume,
        each with ``_lower``, ``_upper``, ``_simultaneous_lower`` and ``_simultaneous_upper`` where there are bands, and
        then ``mean_curvature_norm_noise_bias``, by how much noise in the decoder raises |H|, and
        ``mean_curvature_norm_corrected``, |H| less that; ``position`` (point, unit) and ``valid``
        (False where the fit is singular: values there are NaN). Global numbers in attrs.

    Raises
    ------
    InputError
        If a band is asked for without X, or ``level`` is out of range.
    """
    check_is_fitted(model)
    check_whole("n_bootstrap (refits; 0 for no band)", n_bootstrap, 0)
    check_jobs(n_jobs)
    if n_bootstrap and X is None:
        raise InputError("a bootstrap band refits the decoder: give X (and y, groups as in the fit)")
    check_level(level)
    profile = immersion_profile(model.immersion_, n_points)
    profile.attrs |= {"gauge": model.gauge_, "model": "TopologicalVAE", "seed": str(model.random_state)}
    profile.attrs |= {"likelihood": model.likelihood, "activity_unit": model.generative_.activity_unit}
    if n_bootstrap and X is not None:
        draws = bootstrap_decoders(model, X, y, groups, n_bootstrap, random_state, n_jobs=n_jobs, verbose=verbose)
        centre = torch.stack(draws.weights).mean(0)
        jet = model.generative_.activity_jet
        values = replicates(draws.decoder, [*draws.weights, centre], n_points, jet)
        profile = with_bands(profile, values, level, draws.n_units)
        profile.attrs["band_seed"] = str(random_state)
    return profile


def immersion_profile(immersion: Immersion, n_points: int | None = None) -> xr.Dataset:
    """Geometry of any immersion of a template over the template's grid; see :func:`curvature_profile`."""
    template = immersion.template
    grid = template_grid(template, n_points)
    geometry = local_geometry(immersion, grid.points, on_points=True)
    volume = (grid.weights * torch.exp(geometry.log_volume)).numpy()
    scale = length_scale(float(volume.sum()), template.dim)
    norm = geometry.mean_curvature_norm.numpy()
    values = {
        "mean_curvature_norm": norm,
        "dimensionless_mean_curvature": norm * scale,
        "scalar_curvature": geometry.scalar_curvature.numpy(),
        "log_volume": geometry.log_volume.numpy(),
    }
    return xr.Dataset(
        {name: ("point", value, _attrs(name)) for name, value in values.items()}
        | {
            "position": (("point", "unit"), geometry.value.numpy(), {"units": "activity unit"}),
            "valid": ("point", geometry.finite.numpy()),
        },
        coords=_coords(template, grid, volume),
        attrs=_global(template, grid, geometry, volume),
    )


def template_grid(template: Manifold, n_points: int | None) -> Grid:
    """The points of a profile over a template: about ``n_points``, at least 4, or its default."""
    if n_points is None:
        return template.grid(N_POINTS.get(template.dim, 4096))
    check_whole("n_points", n_points, 4)
    return template.grid(int(n_points))


def curvature_error(estimated: ArrayLike, true: ArrayLike, area: ArrayLike) -> float:
    """``int (est - true)^2 dV / int (est^2 + true^2) dV`` at matched points (n,); 0 is perfect, 1 the worst.

    Parameters
    ----------
    estimated, true : array (n,)
        Curvatures at the same points.
    area : array (n,)
        Volume of the true manifold that each point stands for.

    Raises
    ------
    InputError
        If the shapes differ or a value is not finite.
    """
    e, t, a = (real_numbers(v, name) for v, name in ((estimated, "estimated"), (true, "true"), (area, "area")))
    if not e.shape == t.shape == a.shape:
        raise InputError(f"estimated, true and area must be arrays of one shape; got {e.shape}, {t.shape}, {a.shape}")
    if not np.isfinite([e, t, a]).all():
        raise InputError(
            "curvatures and areas must be finite, neither NaN nor masked: compare where both profiles are `valid`"
        )
    size = (a * (e**2 + t**2)).sum()
    return float((a * (e - t) ** 2).sum() / size) if size > 0 else 0.0


def length_scale(volume: float, dim: int) -> float:
    """Radius of the round k-sphere of that volume: ``Length / 2 pi`` or ``sqrt(Area / 4 pi)``."""
    unit = 2 * math.pi ** ((dim + 1) / 2) / math.gamma((dim + 1) / 2)
    return (volume / unit) ** (1 / dim)


def _attrs(name: str) -> dict[str, str]:
    long_name, units, convention = QUANTITIES[name]
    return {"long_name": long_name, "units": units, "convention": convention}


def _coords(template: Manifold, grid: Grid, volume: FloatArray) -> dict[str, Any]:
    angles = {
        f"angle_{i}": ("point", grid.angles[:, i].numpy(), {"units": "radian", "period": period or 0.0})
        for i, period in enumerate(template.periods)
    }
    return angles | {"area": ("point", volume / volume.sum(), {"long_name": "share of the manifold's volume"})}


def _global(template: Manifold, grid: Grid, geometry: LocalGeometry, volume: FloatArray) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        "template": template.name,
        "grid_shape": list(grid.shape),
        "volume": float(volume.sum()),
        "valid_share": float(geometry.finite.double().mean()),
    }
    if template.dim == 2 and template.periods[-1] is not None:
        total = float(np.nansum(0.5 * geometry.scalar_curvature.numpy() * volume))
        attrs["gauss_bonnet_residual"] = total / (2 * math.pi) - template.euler
    return attrs


def replicates(
    decoder: HarmonicDecoder,
    weights: list[Tensor],
    n_points: int | None,
    activity_jet: Callable[[TaylorJet], TaylorJet],
) -> dict[str, FloatArray]:
    """Each quantity (n_replicates, n) of decoders that share their harmonics, which are differentiated once.

    ``activity_jet`` makes derivatives of the activity of a decoder's. ``|H|`` has the sign of its component along the
    decoder's own H: where the bend of a curve goes through zero, a norm would have a spread that is too small.
    """
    template = decoder.template
    grid = template_grid(template, n_points)

    def formula(jet: TaylorJet) -> tuple[Tensor, ...]:
        own = SecondForm.of(activity_jet(_decoded(jet, decoder.weight))).mean_curvature
        found = [_quantities(activity_jet(_decoded(jet, weight)), own) for weight in weights]
        return tuple(torch.stack(values, dim=1) for values in zip(*found, strict=True))

    columns = over_points(Immersion(template, decoder.harmonics), grid.points, formula, frame=True, on_points=True)
    norm, scalar, log_volume = (column.mT.numpy() for column in columns)
    volumes = np.exp(log_volume) @ grid.weights.numpy()
    scales = np.array([length_scale(float(volume), template.dim) for volume in volumes])
    return {
        "mean_curvature_norm": norm,
        "dimensionless_mean_curvature": norm * scales[:, None],
        "scalar_curvature": scalar,
        "log_volume": log_volume,
    }


def _decoded(jet: TaylorJet, weight: Tensor) -> TaylorJet:
    """Jet of the decoder with weights (p, d), from the jet of its harmonics."""
    first = torch.einsum("npi,pd->ndi", jet.first, weight)
    second = torch.einsum("npij,pd->ndij", jet.second, weight)
    return TaylorJet(jet.value @ weight, first, second, jet.eps)


def _quantities(jet: TaylorJet, direction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``|H|`` with the sign of its component along a direction (n, d), S and the log volume (n,) of a map's jet."""
    form = SecondForm.of(jet)
    mean = form.mean_curvature
    sign = torch.where((mean * direction).sum(-1) < 0, -1.0, 1.0)
    return sign * torch.linalg.vector_norm(mean, dim=-1), gauss_scalar(form.gram), form.first.log_volume
