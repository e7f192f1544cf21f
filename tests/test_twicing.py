"""Once or twice: what the smoother left over is smoothed again where the curvature asks for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neuromanifold.benchmarks.manifolds import MANIFOLDS
from neuromanifold.benchmarks.matching import profile_error
from neuromanifold.benchmarks.oracle import oracle
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import resolve
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_regression import Prior, fit_regression, smoother
from neuromanifold.models.moments import Moments
from neuromanifold.models.twicing import once_or_twice


def fits_of(shape: str, n_units: int, seed: int) -> dict[str, float]:
    """Error of |H| after one pass, after the chosen number, and of the oracle; and that number."""
    sample = MANIFOLDS[shape](n_units, 0.01, seed)
    x, points = torch.as_tensor(sample.activity), sample.template.embed(torch.as_tensor(sample.angles))
    basis = Basis.make(sample.template, 30, 64, x)
    moments = Moments.at_points(basis.harmonics, points, x - x.mean(0))
    once = fit_regression(moments, basis.harmonics.eigenvalues)
    chosen = once_or_twice(moments, basis, once)
    told = oracle(sample.template, torch.as_tensor(sample.angles), x)
    maps = {"once": basis.decoder(once.weight), "chosen": basis.decoder(chosen.weight)}
    errors = {name: profile_error(Immersion(sample.template, decoder), sample.truth) for name, decoder in maps.items()}
    return errors | {"oracle": profile_error(told, sample.truth), "passes": chosen.prior.n_passes}


def test_a_second_pass_halves_the_error_of_few_sharply_tuned_units() -> None:
    """The prior shrinks frequency 7 by the noise of nine directions, of which it lives in two: 2.4 times the oracle."""
    found = [fits_of("tuned circle", 10, seed) for seed in range(3)]
    once, chosen, told = (np.mean([f[name] for f in found]) for name in ("once", "chosen", "oracle"))
    print(f"10 tuned units: once {once / told:.2f}, chosen {chosen / told:.2f} x the oracle")
    assert once > 2 * told
    assert chosen < 0.6 * once
    assert [f["passes"] for f in found] == [2, 2, 2]


def test_one_pass_stays_where_the_second_brings_nothing() -> None:
    found = [fits_of("circle wiggles", 10, seed) for seed in range(2)]
    once, chosen = (np.mean([f[name] for f in found]) for name in ("once", "chosen"))
    assert chosen < 1.1 * once


@pytest.mark.parametrize("n_passes", [1, 2, 3])
def test_passes_smooth_what_was_left_over(n_passes: int) -> None:
    """By the definition: ``f <- f + S (x - f)`` from zero."""
    nu = torch.logspace(-3, 3, 13, dtype=torch.float64)
    prior = Prior(3, "power", 4.0, scale=0.7, n_passes=n_passes)
    pass_of = nu * smoother(replace(prior, n_passes=1), nu)
    fitted = torch.zeros_like(nu)
    for _ in range(n_passes):
        fitted = fitted + pass_of * (1 - fitted)
    torch.testing.assert_close(nu * smoother(prior, nu), fitted)


def test_twicing_does_not_depend_on_the_units_of_activity() -> None:
    sample = MANIFOLDS["tuned circle"](10, 0.01, 0)
    x, template = torch.as_tensor(sample.activity), resolve("circle")
    basis = Basis.make(template, 30, 64, x)
    found = []
    for scale in (1.0, 50.0):
        activity = scale * (x - x.mean(0))
        moments = Moments.at_points(basis.harmonics, template.embed(torch.as_tensor(sample.angles)), activity)
        fit = once_or_twice(moments, basis, fit_regression(moments, basis.harmonics.eigenvalues))
        found.append(fit.weight / scale)
    torch.testing.assert_close(*found, rtol=1e-6, atol=1e-8)
