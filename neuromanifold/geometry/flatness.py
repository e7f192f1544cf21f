"""How far an immersed manifold is from flat: ``|Riem|² = Riem_ijkl Riem^ijkl``, zero only where it can be unrolled.

By Gauss, with B the second fundamental form in an orthonormal basis, ``Riem_abcd = <B_ac, B_bd> - <B_ad, B_bc>``. For
surfaces ``|Riem|² = S² = 4K²``; for k ≥ 3 the Ricci scalar S may vanish where the manifold is not flat.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import Map
from neuromanifold.geometry.ambient import Ambient
from neuromanifold.geometry.derivatives import TaylorJet, as_points, taylor
from neuromanifold.geometry.extrinsic import at_points
from neuromanifold.geometry.forms import FirstForm, SecondForm, constant_factor
from neuromanifold.geometry.random_frames import random_signs

__all__ = ["riemann_norm_squared"]


def riemann_norm_squared(
    f: Map,
    u: Tensor,
    *,
    ambient: Tensor | Ambient | None = None,
    method: Literal["exact", "hutchinson"] = "exact",
    n_probes: int = 16,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Tensor:
    """``|Riem|²`` of the image of f: ``(n,)``; ``4/R⁴`` on a 2-sphere of radius R.

    Parameters
    ----------
    f, u, ambient, **options
        As in :mod:`neuromanifold.geometry.extrinsic`.
    method : {"exact", "hutchinson"}
        From all second derivatives or, for large k, an unbiased estimate from those along four random directions.
    n_probes : int
        Quadruples of directions for "hutchinson".
    generator : torch.Generator, optional
        Source of those directions.

    Raises
    ------
    InputError
        For an unknown method, or an ambient metric that varies.
    """
    options = {"frame": True, **options}
    if method == "exact":
        return at_points(f, u, lambda jet: _exact(jet, constant_factor(ambient, jet.value)), **options)
    if method == "hutchinson":
        check_whole("n_probes", n_probes, 1)
        return _hutchinson(f, u, ambient, n_probes, generator, **options)
    raise InputError(f"method must be 'exact' or 'hutchinson'; got {method!r}")


def _exact(jet: TaylorJet, factor: Tensor | None) -> Tensor:
    gram = SecondForm.of(jet, factor).gram
    tensor = torch.einsum("nacbd->nabcd", gram) - torch.einsum("nadbc->nabcd", gram)
    return tensor.square().sum((-4, -3, -2, -1))


def _hutchinson(
    f: Map,
    u: Tensor,
    ambient: Tensor | Ambient | None,
    n_probes: int,
    generator: torch.Generator | None,
    **options: Any,
) -> Tensor:
    """``E Riem(v, w, x, y)²`` over independent v, w, x, y of covariance g⁻¹."""
    points = as_points(u)
    jet = taylor(f, points, order=1, **options)
    factor = constant_factor(ambient, jet.value)
    first = FirstForm.of(jet, factor)
    total = torch.zeros_like(jet.value[:, 0])
    for _ in range(n_probes):
        signs = random_signs((len(points), first.k, 4), first.scale, generator)
        second = taylor(f, points, directions=first.inverse_scale @ signs, **options).second
        bend = second if factor is None else (factor.mT @ second.flatten(2)).reshape(second.shape)
        normal = first.normal(bend)
        (v, w), (x, y) = (0, 1), (2, 3)
        riemann = (normal[..., v, x] * normal[..., w, y] - normal[..., v, y] * normal[..., w, x]).sum(-1)
        total = total + riemann.square()
    result = total / n_probes
    return result[0] if torch.as_tensor(u).ndim == 1 else result
