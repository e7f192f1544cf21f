"""Warps of a template: smooth reparametrisations that a fit without labels may take, ``z -> project(z + W^T h(z))``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuromanifold.manifolds import Manifold

__all__ = ["Warp"]

ORDER = 2


class Warp(nn.Module):
    """The identity to begin with; a diffeomorphism while its Jacobian is positive. float64, on the CPU.

    Parameters
    ----------
    template : Manifold
        A closed surface.
    """

    def __init__(self, template: Manifold) -> None:
        super().__init__()
        self.template = template
        self.fields = template.harmonics(ORDER)
        shape = len(self.fields) - 1, template.embedding_dim
        self.coefficients = nn.Parameter(torch.zeros(shape, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.template.project(z + self.fields(z)[..., 1:] @ self.coefficients)

    def pulled_back(self, mean: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
        """Metric (n, 2, 2) of the warped manifold in frames at z, and the warp's signed change of area (n,)."""

        def both(points: Tensor) -> tuple[Tensor, Tensor]:
            moved = self(points)
            return moved, mean(moved)

        tangent, _ = self.template.frame(z)
        (w, _), columns = zip(*(torch.func.jvp(both, (z,), (tangent[..., i],)) for i in range(2)), strict=True)
        jacobian = torch.stack([column[1] for column in columns], dim=-1)
        return jacobian.mT @ jacobian, self._area(w[0], [column[0] for column in columns])

    def stretch(self, z: Tensor) -> Tensor:
        """Signed change of area (n,) at points (n, m)."""
        tangent, _ = self.template.frame(z)
        moved, columns = zip(*(torch.func.jvp(self, (z,), (tangent[..., i],)) for i in range(2)), strict=True)
        return self._area(moved[0], list(columns))

    def _area(self, moved: Tensor, columns: list[Tensor]) -> Tensor:
        return torch.linalg.det(self.template.frame(moved)[0].mT @ torch.stack(columns, dim=-1))
