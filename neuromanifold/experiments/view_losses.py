"""Losses of self-supervised learning, from the embeddings of two views of the same images: ``z, z' (b, d)``.

Barlow Twins   Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij²``, C the correlation (d, d) of z and z' over the batch;
SimCLR         mean over all 2b views of -log( e^{s(view, its twin)/τ} / Σ_{others} e^{s(view, other)/τ} ),
               s the cosine
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

__all__ = ["barlow_twins", "nt_xent"]

# Added to a variance, as batch normalisation does: a unit that is silent over a batch has none.
_EPS = 1e-5


def barlow_twins(first: Tensor, second: Tensor, redundancy: float = 5e-3) -> Tensor:
    """Loss of a batch, a scalar: views agree in every unit, and units do not repeat each other.

    References
    ----------
    Zbontar, Jing, Misra, LeCun & Deny (2021); ``redundancy`` is their λ.
    """
    correlation = _standardised(first).mT @ _standardised(second) / len(first)
    diagonal = correlation.diagonal()
    return (1 - diagonal).square().sum() + redundancy * (correlation.square().sum() - diagonal.square().sum())


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.5) -> Tensor:
    """Loss of each image, the mean of its two views: (b,). It depends on the directions of the embeddings only.

    References
    ----------
    Chen, Kornblith, Norouzi & Hinton (2020), eq 1; ``temperature`` is their τ.
    """
    n = len(first)
    z = normalize(torch.cat([first, second]), dim=1)
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    similarity = (z @ z.mT / temperature).masked_fill(itself, -torch.inf)
    twin = torch.arange(2 * n, device=z.device).roll(n)
    return cross_entropy(similarity, twin, reduction="none").reshape(2, n).mean(0)


def _standardised(z: Tensor) -> Tensor:
    """Every unit with mean 0 and variance 1 over the batch."""
    return (z - z.mean(0)) * torch.rsqrt(z.var(0, correction=0) + _EPS)
