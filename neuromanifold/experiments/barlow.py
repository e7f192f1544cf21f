"""Barlow Twins: views agree, units do not repeat each other (Zavatone-Veth et al. 2025, I.4; Zbontar et al. 2021)."""

from __future__ import annotations

from neuromanifold.data.images import Blur, ColourJitter, Flip, Grey, ResizedCrop, Solarize
from neuromanifold.experiments.findings import Findings, Options
from neuromanifold.experiments.self_supervised import DIGIT_VIEWS, Method, Metric, run_method
from neuromanifold.experiments.view_losses import barlow_twins

__all__ = ["METHOD", "run"]

COMMON = (ResizedCrop(0.08), Flip(), ColourJitter(0.4, 0.4, 0.2, 0.1), Grey(0.2))

METHOD = Method(
    "barlow",
    views={1: DIGIT_VIEWS, 3: ((*COMMON, Blur(1.0)), (*COMMON, Blur(0.1), Solarize(0.2)))},
    loss=barlow_twins,
    n_embedding=256,
    metrics={"features": Metric("pool4", "flat", rises=True)},
)


def run(options: Options) -> Findings:
    """Train the networks, and measure volumes of their features."""
    return run_method(METHOD, options)
