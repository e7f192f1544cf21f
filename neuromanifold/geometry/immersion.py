"""An immersion of a template: ``f = decoder ∘ embed``, from intrinsic angles to activity.

    u (k angles)  --template.embed-->  z (m coordinates)  --decoder-->  x (d units)

The decoder is smooth in z, so f is smooth wherever the template is, poles included. Scalars of the image
(curvatures, relative volume) are computed from the 2-jet of an orthonormal chart of the template at z,
never in the angles.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.geometry.precision import in_dtype
from neuromanifold.manifolds import Manifold, resolve

__all__ = ["Immersion"]


class Immersion:
    """The map from intrinsic angles to activity, in float64.

    Parameters
    ----------
    template : Manifold or str
        The template, or its name.
    decoder : nn.Module or callable
        Map of points of the template's embedding, ``(n, m) -> (n, d)``; evaluated in float64 whatever its
        parameters.

    Raises
    ------
    InputError
        If the template is unknown or the decoder cannot be called.
    """

    def __init__(self, template: Manifold | str, decoder: Callable[[Tensor], Tensor]) -> None:
        if not callable(decoder):
            raise InputError(f"a decoder is a module or a function of points (n, m); got {type(decoder).__name__}")
        self.template = resolve(template)
        self.decoder = decoder

    def __repr__(self) -> str:
        return f"Immersion({self.template!r}, {type(self.decoder).__name__})"

    def __call__(self, u: Tensor) -> Tensor:
        """Activity ``(d,)`` or ``(n, d)`` at intrinsic angles ``(k,)`` or ``(n, k)``, radians."""
        return self.on_points(self.template.embed(u.to(torch.float64)))

    def on_points(self, z: Tensor) -> Tensor:
        """Activity ``(d,)`` or ``(n, d)`` at points ``(m,)`` or ``(n, m)`` of the template's embedding."""
        decode = in_dtype(self.decoder, torch.float64)
        z = z.to(torch.float64)
        return decode(z[None])[0] if z.ndim == 1 else decode(z)
