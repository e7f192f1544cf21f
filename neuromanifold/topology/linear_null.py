r"""The linear null: activity with the covariance and autocorrelation of the recording and nothing beyond them.

Directions of any population that is a linear readout of two latent variables are a ring, of three a sphere: what they
show says nothing unless it outlasts this null as well. Every frequency of all units together is turned by one random
phase (Prichard & Theiler 1994), which keeps all linear relations between units and makes the activity Gaussian.
Directions of every elliptical cloud with that covariance are alike, so no more is assumed of the latent variables.
"""

from __future__ import annotations

import numpy as np

from neuromanifold._typing import FloatArray, IntArray

__all__ = ["linear"]

# Of a longer recording a stretch of so many samples, where it comes, stands for all.
LONGEST = 30_000


def linear(activity: FloatArray, groups: IntArray, rows: IntArray, rng: np.random.Generator) -> FloatArray:
    """As many samples as there are ``rows`` of a surrogate of the activity (n, d), units standardised first."""
    del groups  # a surrogate is one stationary process; breaks between intervals matter little to it
    if len(activity) > LONGEST:
        start = rng.integers(len(activity) - LONGEST + 1)
        activity = activity[start : start + LONGEST]
    surrogate = _phase_randomised(activity, rng)
    return surrogate[np.sort(rng.choice(len(surrogate), min(len(rows), len(surrogate)), replace=False))]


def _phase_randomised(activity: FloatArray, rng: np.random.Generator) -> FloatArray:
    scale = activity.std(axis=0)
    standard = (activity - activity.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    spectrum = np.fft.rfft(standard, axis=0)
    phase = rng.uniform(0, 2 * np.pi, len(spectrum))
    # The mean, and of an even number of samples the highest frequency, are real.
    phase[0] = 0.0
    if len(activity) % 2 == 0:
        phase[-1] = 0.0
    return np.asarray(np.fft.irfft(spectrum * np.exp(1j * phase)[:, None], n=len(activity), axis=0))
