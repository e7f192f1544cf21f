"""The smoothest coordinates of a closed surface: those in which its map bends least.

    E(psi) = int |Delta (f o psi)|^2 dV = sum_a lambda_a^2 |w_a|^2,   psi(z) = project(z + W^T h(z)),

over warps psi of the template, w the weights of ``f o psi`` in its Laplacian eigenfunctions h. Coordinates that a fit
has found are some reparametrisation of good ones, in which few harmonics write the surface; expectation-maximisation
moves along reparametrisations by a small part of the noise in every step, and what the harmonics at hand cannot write
becomes ripples. Taking the whole way at once is a parameter expansion (Liu, Rubin & Wu 1998): the image, and with it
the likelihood, stays what it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.warp import Warp

__all__ = ["bending_energy", "smoothest"]

# Harmonics of the warped map (more than a fit of a surface can have would only see the grid), and the grid's points.
ORDER = 10
N_GRID = 1600
N_ITERATIONS = 60


def smoothest(decoder: HarmonicDecoder) -> HarmonicDecoder:
    """The same surface in its smoothest coordinates, up to what harmonics of the order at hand can write.

    The decoder is returned as it is where no warp lowers the energy without folding the template.
    """
    template = decoder.template
    grid, harmonics = template.grid(N_GRID), template.harmonics(ORDER)
    analysis = (harmonics(grid.points) * grid.weights[:, None]).mT
    eigenvalues = harmonics.eigenvalues
    warp = Warp(template)
    optimiser = torch.optim.LBFGS(warp.parameters(), max_iter=N_ITERATIONS, line_search_fn="strong_wolfe")

    def energy() -> Tensor:
        return bending_energy(analysis @ decoder(warp(grid.points)), eigenvalues)

    def closure() -> float:
        optimiser.zero_grad()
        # Of the logarithm: the size of the step does not depend on the activity's unit.
        loss = energy().log()
        loss.backward()
        return float(loss.detach())

    with torch.enable_grad():
        before = closure()
        optimiser.step(closure)
    with torch.no_grad():
        if float(energy().log()) >= before or float(warp.stretch(grid.points).min()) <= 0:
            return decoder
        return HarmonicDecoder(template, ORDER, analysis @ decoder(warp(grid.points)))


def bending_energy(weight: Tensor, eigenvalues: Tensor) -> Tensor:
    """``sum_a lambda_a^2 |w_a|^2`` of weights (q, d)."""
    return (eigenvalues[: len(weight)].to(weight).square() * weight.square().sum(1)).sum()
