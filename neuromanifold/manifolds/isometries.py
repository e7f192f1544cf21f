"""Isometries of a template: the orthogonal m x m matrices Q with ``Q T = T``, a compact Lie group.

The group is given by a basis of its Lie algebra (skew matrices G_i) and one matrix per connected
component C_c: every isometry is ``exp(Σ a_i G_i) C_c``. With Q, the same latent can be written in another
of the template's equivalent coordinate systems; alignment picks the one nearest to a reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["Isometries", "rotation_generators"]

_MAX_STEPS = 40
# Newton's ascent has a single maximum in each component for spheres and tori; the projective plane has
# others.
_N_STARTS = 48


@dataclass(frozen=True)
class Isometries:
    """The isometry group of a template.

    Attributes
    ----------
    generators : Tensor (r, m, m)
        Skew matrices, a basis of the Lie algebra.
    components : Tensor (c, m, m)
        One orthogonal matrix of each connected component, the identity first.
    """

    generators: Tensor
    components: Tensor

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` random isometries ``(n, m, m)`` of all components (not Haar-distributed)."""
        rotations = self._rotations(n, generator)
        which = torch.randint(len(self.components), (n,), generator=generator)
        return rotations @ self.components[which]

    def align(self, source: Tensor, target: Tensor) -> Tensor:
        """The isometry Q ``(m, m)`` that brings paired points together: ``min_Q Σ |Q source_i - target_i|²``.

        Apply it as ``source @ Q.T``. Found by Newton ascent of ``tr(Qᵀ Σ target sourceᵀ)`` on the group,
        from several starts in every component.

        Parameters
        ----------
        source, target : Tensor (n, m)
            Paired points of the template.

        Raises
        ------
        InputError
            If the two sets of points are not paired.
        """
        if source.shape != target.shape or source.ndim != 2:
            raise InputError(
                f"alignment needs paired points (n, m); got shapes {tuple(source.shape)} and {tuple(target.shape)}"
            )
        moment = (target.mT @ source).to(self.components) / max(len(source), 1)
        n_starts = max(_N_STARTS // len(self.components), 4)
        starts = self._rotations(n_starts, torch.Generator(self.components.device).manual_seed(0))
        starts[0] = torch.eye(starts.shape[-1])
        candidates = self._ascend((starts[:, None] @ self.components).flatten(0, 1), moment)
        gains = (candidates * moment).sum((-2, -1))
        return candidates[gains.argmax()].to(source)

    def _rotations(self, n: int, generator: torch.Generator) -> Tensor:
        size = (n, len(self.generators))
        coefficients = torch.randn(size, generator=generator, dtype=torch.float64, device=generator.device)
        return torch.linalg.matrix_exp(torch.einsum("nr,rij->nij", 2 * coefficients, self.generators))

    def _ascend(self, start: Tensor, moment: Tensor) -> Tensor:
        """Newton steps ``Q <- exp(Σ a_i G_i) Q`` on ``tr(Qᵀ M)``, uphill because the Hessian's
        eigenvalues enter as -|λ|.
        """
        q, generators = start, self.generators
        if len(generators) == 0:
            return q
        products = torch.einsum("aij,bjk->abik", generators, generators)
        products = 0.5 * (products + products.transpose(0, 1))
        floor = 1e-12 * moment.norm().clamp_min(torch.finfo(moment.dtype).tiny)
        for _ in range(_MAX_STEPS):
            overlap = moment @ q.mT
            gradient = torch.einsum("aij,nij->na", generators, overlap)
            values, vectors = torch.linalg.eigh(torch.einsum("abij,nij->nab", products, overlap))
            step = (vectors.mT @ gradient[..., None])[..., 0] / values.abs().clamp_min(floor)
            length = step.norm(dim=-1, keepdim=True)
            step = (vectors @ (step * (length.clamp_max(0.5) / length.clamp_min(1e-300)))[..., None])[..., 0]
            q = torch.linalg.matrix_exp(torch.einsum("na,aij->nij", step, generators)) @ q
        return q


def rotation_generators(m: int) -> Tensor:
    """The basis ``e_j e_iᵀ - e_i e_jᵀ``, i < j, of the skew m x m matrices: ``(m(m-1)/2, m, m)``."""
    rows, columns = torch.triu_indices(m, m, offset=1)
    generators = torch.zeros(len(rows), m, m, dtype=torch.float64)
    which = torch.arange(len(rows))
    generators[which, columns, rows] = 1.0
    generators[which, rows, columns] = -1.0
    return generators
