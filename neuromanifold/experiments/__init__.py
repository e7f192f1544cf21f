"""Experiments: networks trained on tasks of the papers and of the recordings.

Those below are of Zavatone-Veth et al. (2025), on feature maps, each with its claim as a statistic:
``neuromanifold featuremaps NAME`` runs one; the module of that name has ``run(options) -> Findings``.
"""

from __future__ import annotations

__all__ = ["EXPERIMENTS"]

# Name -> what it shows. Plain text: the command line lists it before anything heavy is loaded.
EXPERIMENTS = {
    "xor": "four points, [2, n, 2]: volume and curvature of the hidden layer during training",
    "sinusoid": "a sinusoidal boundary, [2, n, n, 2]: the same for both hidden layers",
    "mnist": "digits, one hidden layer of 2,000: lines, hulls, spectra and ambiguous digits",
    "cifar": "a residual network on CIFAR-10, published or trained: lines, hulls and blocks",
    "barlow": "Barlow Twins, learned without classes: lines and hulls, with a linear readout",
    "simclr": "SimCLR, likewise: volumes flat and on the sphere of its embeddings",
}
