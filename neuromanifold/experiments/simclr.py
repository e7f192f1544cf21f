"""SimCLR: a view finds its twin among all others by its direction (Zavatone-Veth et al. 2025, I.4; Chen et al. 2020).

The loss sees directions only. The paper finds that the flat volume of the features dips where the prediction changes,
and supposes that the metric of the unit sphere is the one to pull back: here are the features in both, and the
embedding, whose directions the loss compares, on its sphere.
"""

from __future__ import annotations

from neuromanifold.data.images import ColourJitter, Flip, Grey, ResizedCrop
from neuromanifold.experiments.findings import Findings, Options
from neuromanifold.experiments.self_supervised import DIGIT_VIEWS, Method, Metric, run_method
from neuromanifold.experiments.view_losses import nt_xent

__all__ = ["METHOD", "run"]

VIEW = (ResizedCrop(0.08), Flip(), ColourJitter(0.4, 0.4, 0.4, 0.1), Grey(0.2))

METHOD = Method(
    "simclr",
    views={1: DIGIT_VIEWS, 3: (VIEW, VIEW)},
    loss=nt_xent,
    n_embedding=128,
    metrics={
        "features": Metric("pool4", "flat", rises=False),
        "features on the sphere": Metric("pool4", "sphere", rises=True),
        "embedding on the sphere": Metric("fc", "sphere", rises=True),
    },
)


def run(options: Options) -> Findings:
    """Train the networks, and measure volumes of their features and of their embedding."""
    return run_method(METHOD, options)
