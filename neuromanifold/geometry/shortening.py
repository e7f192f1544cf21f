"""Shortening: curves of least energy ``∫ g_ij(u) u'^i u'^j dt`` between fixed ends, in a chart.

``u(t) = (1-t) u_0 + t u_1 + Σ_a c_a φ_a(t)``, where φ_a' is the a-th normalised Legendre polynomial on
[0, 1] and so φ_a vanishes at both ends. A smooth geodesic is reached exponentially fast in the number of
polynomials. The gradient

    ∂E/∂c_a = ∫ 2 g u' φ_a' + ∂g(u', u') φ_a dt

needs the metric and its first derivatives; its principal part ``2 ∫ g φ_a' φ_b' dt`` preconditions the
descent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuromanifold.geometry.charts import PairChart
from neuromanifold.geometry.curves import gauss_legendre
from neuromanifold.geometry.descent import minimize

__all__ = ["Curves", "MetricJet", "Search"]

_MAX_STEPS = 100
_TOLERANCE = 1e-8

# Points of a chart with its parameters, (n, k + q) -> g (n, k, k) and ∂_l g_ij (n, k, k, k), l last.
MetricJet = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Curves:
    """Curves of p pairs: ``track (p, n_times, k + q)`` in the chart, length, energy and convergence
    ``(p,)``.
    """

    track: Tensor
    length: Tensor
    energy: Tensor
    converged: Tensor


@dataclass(frozen=True)
class Search:
    """The search for the curves of least energy of p pairs.

    Attributes
    ----------
    chart : PairChart
        The chart of each pair, and the line to start from.
    metric_jet : callable
        The metric and its slopes at points of the chart.
    n_modes : int
        Polynomials φ_a.
    """

    chart: PairChart
    metric_jet: MetricJet
    n_modes: int

    def rows(self, which: Tensor) -> Search:
        """The search for some of the pairs."""
        return Search(self.chart.rows(which), self.metric_jet, self.n_modes)

    def line_energy(self) -> Tensor:
        """Energy of the straight lines: ``(p,)``."""
        return self._objective(self._straight, self._everything)[0]

    def shorten(self, n_times: int) -> Curves:
        """The curves reached by descent from the straight lines."""
        factor = self._stiffness()

        def precondition(gradient: Tensor) -> Tensor:
            return torch.cholesky_solve(gradient[..., None], factor)[..., 0]

        c, energy, converged = minimize(
            self._objective, self._straight, precondition, tolerance=_TOLERANCE, max_steps=_MAX_STEPS
        )
        everything = self._everything
        _, weights = self._quadrature
        g, _, velocity = self._metrics(c, everything)
        speed = torch.einsum("pqi,pqij,pqj->pq", velocity, g, velocity).sqrt()
        shown = torch.linspace(0, 1, n_times, dtype=c.dtype, device=c.device)
        return Curves(self._at(c, everything, shown), speed @ weights, energy, converged)

    @property
    def _straight(self) -> Tensor:
        p, k = self.chart.start.shape
        return self.chart.start.new_zeros(p, self.n_modes * k)

    @property
    def _everything(self) -> Tensor:
        return torch.arange(len(self.chart.start), device=self.chart.start.device)

    @property
    def _quadrature(self) -> tuple[Tensor, Tensor]:
        return gauss_legendre(2 * self.n_modes + 8, self.chart.start.device)

    def _at(self, c: Tensor, which: Tensor, times: Tensor) -> Tensor:
        """``[u(t), parameters]``: ``(p', n_times, k + q)``."""
        chart = self.chart.rows(which)
        bend = _bubbles(times, self.n_modes)[0] @ c.unflatten(-1, (self.n_modes, -1))
        y = chart.start[:, None] + times[:, None] * (chart.end - chart.start)[:, None] + bend
        return torch.cat([y, chart.parameters[:, None].expand(-1, len(times), -1)], dim=-1)

    def _metrics(self, c: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """g, ∂g and u' at the nodes of the quadrature: ``(p', n_nodes, ...)``."""
        times, _ = self._quadrature
        x = self._at(c, which, times)
        g, slope = self.metric_jet(x.flatten(0, 1))
        span = (self.chart.end - self.chart.start)[which]
        velocity = span[:, None] + _bubbles(times, self.n_modes)[1] @ c.unflatten(-1, (self.n_modes, -1))
        return g.unflatten(0, x.shape[:2]), slope.unflatten(0, x.shape[:2]), velocity

    def _objective(self, c: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Energy ``(p',)`` and its gradient."""
        times, weights = self._quadrature
        bubble, slope = _bubbles(times, self.n_modes)
        g, dg, v = self._metrics(c, which)
        momentum = (g @ v[..., None])[..., 0]
        pull = torch.einsum("pqijl,pqi,pqj->pql", dg, v, v)
        energy = torch.einsum("q,pqi,pqi->p", weights, v, momentum)
        gradient = 2 * torch.einsum("q,qa,pql->pal", weights, slope, momentum)
        gradient = gradient + torch.einsum("q,qa,pql->pal", weights, bubble, pull)
        return energy, gradient.flatten(1)

    def _stiffness(self) -> Tensor:
        """Cholesky factor of the principal part of the Hessian at the straight lines."""
        times, weights = self._quadrature
        slope = _bubbles(times, self.n_modes)[1]
        g = self._metrics(self._straight, self._everything)[0]
        matrix = 2 * torch.einsum("q,qa,qb,pqij->paibj", weights, slope, slope, g).flatten(3, 4).flatten(1, 2)
        # A metric that vanishes somewhere on the line still gives a direction to start in.
        ridge = 1e-12 * matrix.diagonal(dim1=-2, dim2=-1).amax(-1)[:, None, None]
        return torch.linalg.cholesky(matrix + ridge * torch.eye(matrix.shape[-1]).to(matrix))


def _bubbles(times: Tensor, n_modes: int) -> tuple[Tensor, Tensor]:
    """φ_a and φ_a' at times in [0, 1]: ``(n_times, n_modes)`` each."""
    legendre = torch.from_numpy(np.polynomial.legendre.legvander(2 * times.cpu().numpy() - 1, n_modes + 1)).to(times)
    norm = torch.sqrt(2 * torch.arange(1, n_modes + 1).to(times) + 1)
    return (legendre[:, 2:] - legendre[:, :-2]) / (2 * norm), legendre[:, 1:-1] * norm
