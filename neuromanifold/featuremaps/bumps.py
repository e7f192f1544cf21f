"""The determinant of an erf network's metric is a sum of Gaussian bumps, one for every D units.

    det g(x) = Σ_J a_J exp(-½ (x - c_J)ᵀ P_J (x - c_J)) · e^{-r_J}
    a_J = (2/πn)^D |det W_J|²,   P_J = 2 Σ_{j∈J} w_j w_jᵀ,   w_j·c_J = -b_j for j in J

with the 1/n of ``normalize``. Where W_J is singular its amplitude is 0, and c_J is the point of least norm among the
least-squares solutions; r_J, the sum of squares that it leaves, is 0 elsewhere. Source: Zavatone-Veth et al. 2025,
appendix D.4.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import xarray as xr

from neuromanifold import __version__
from neuromanifold._errors import InputError
from neuromanifold._settings import check_number
from neuromanifold.featuremaps.shallow import Shallow, shallow

__all__ = ["bumps", "field", "three_units"]


def bumps(phi: Shallow, *, normalize: bool = True) -> xr.Dataset:
    """The Gaussian bumps of ``det g`` of an erf network.

    Parameters
    ----------
    phi : Shallow
        With activation "erf" and at least D units.
    normalize : bool
        Whether g has the factor 1/n.

    Returns
    -------
    Dataset
        Over ``bump``, a D-subset of units each: ``amplitude``, ``center`` (bump, axis), ``precision`` (bump, axis,
        axis_2), ``residual``, and the ``unit`` s (bump, member).

    Raises
    ------
    InputError
        If the activation is another, or there are fewer units than inputs.
    """
    if phi.activation.name != "erf":
        raise InputError(f"only erf(z/√2) has Gaussian bumps; the activation is {phi.activation.name}")
    n, d = phi.weights.shape
    subsets, minors = phi.minors()
    weights, biases = phi.weights[subsets], phi.biases[subsets]
    # The least-squares solution of least norm; exact where W_J is regular.
    center = -(torch.linalg.pinv(weights) @ biases[..., None])[..., 0]
    residual = (((weights @ center[..., None])[..., 0] + biases) ** 2).sum(-1)
    amplitude = (2 / math.pi / (n if normalize else 1)) ** d * minors**2
    return xr.Dataset(
        {
            "amplitude": ("bump", amplitude.numpy(), {"long_name": "height of the bump in det g"}),
            "center": (("bump", "axis"), center.numpy(), {"long_name": "centre of the bump in input space"}),
            "precision": (("bump", "axis", "axis_2"), (2 * weights.mT @ weights).numpy()),
            "residual": ("bump", residual.numpy(), {"long_name": "squared distance from a common centre"}),
            "unit": (("bump", "member"), subsets.numpy()),
        },
        attrs={"normalize": int(normalize), "n_units": n, "convention": "erf(z/sqrt 2)", "version": __version__},
    )


def three_units(bias: float = 0.0) -> Shallow:
    """Three erf units at 120°, ``w_j = (cos 2πj/3, sin 2πj/3)``, with equal biases.

    The volume has three-fold rotational symmetry, six-fold for ``bias = 0``.
    """
    check_number("bias", bias)
    angle = 2 * math.pi * torch.arange(3, dtype=torch.float64) / 3
    return shallow(torch.stack([angle.cos(), angle.sin()], -1), torch.full((3,), float(bias)), "erf")


def field(phi: Shallow, extent: float = 3.0, n_steps: int = 81) -> xr.Dataset:
    """Volume element and scalar curvature of a network of two inputs over the square ``[-extent, extent]²``.

    Returns
    -------
    Dataset
        ``volume``, ``log_volume``, ``scalar_curvature`` over (``x_1``, ``x_0``), and ``center`` (bump, axis) for erf.
    """
    if phi.weights.shape[-1] != 2:
        raise InputError(f"a square is drawn for networks of two inputs; this one has {phi.weights.shape[-1]}")
    steps = np.linspace(-extent, extent, n_steps)
    points = torch.as_tensor(np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2))
    shape = (n_steps, n_steps)
    log_volume = phi.log_volume(points).numpy().reshape(shape)
    curvature = phi.scalar_curvature(points).numpy().reshape(shape)
    dims = ("x_1", "x_0")
    dataset = xr.Dataset(
        {
            "volume": (dims, np.exp(log_volume), {"long_name": "volume element √det g"}),
            "log_volume": (dims, log_volume, {"long_name": "log volume ½ log det g"}),
            "scalar_curvature": (dims, curvature, {"long_name": "scalar curvature S"}),
        },
        coords={"x_0": steps, "x_1": steps},
        attrs={"normalize": int(phi.normalize), "activation": phi.activation.name, "version": __version__},
    )
    return dataset.assign(center=bumps(phi)["center"]) if phi.activation.name == "erf" else dataset
