"""Simulated behaviour: heading, running on a track and foraging in a box, all driven by Ornstein–Uhlenbeck
processes.

``dx = -x dt/τ + σ √(2/τ) dW`` is sampled exactly: ``x_{t+1} = a x_t + σ √(1 - a²) ξ``, ``a = e^{-Δ/τ}``,
from its stationary distribution N(0, σ²).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from neuromanifold._typing import FloatArray

__all__ = ["foraging", "head_turning", "ornstein_uhlenbeck", "track_running"]


def ornstein_uhlenbeck(
    n_times: int, step: float, time_constant: float, deviation: float, generator: np.random.Generator
) -> FloatArray:
    """A stationary path (n_times,), ``step`` seconds apart, of given time constant (s) and deviation."""
    decay = np.exp(-step / time_constant)
    kicks = generator.standard_normal(n_times) * np.sqrt(1 - decay**2)
    kicks[0] = generator.standard_normal()
    return deviation * lfilter([1.0], [1.0, -decay], kicks)


def head_turning(n_times: int, step: float, generator: np.random.Generator) -> FloatArray:
    """Head direction (n_times,) in [0, 2π): angular velocity of 1.5 rad/s (deviation), over 0.5 s."""
    velocity = ornstein_uhlenbeck(n_times, step, time_constant=0.5, deviation=1.5, generator=generator)
    return np.mod(generator.uniform(0, 2 * np.pi) + np.cumsum(velocity) * step, 2 * np.pi)


def track_running(
    n_times: int, step: float, length: float, mean_speed: float, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Position in [0, length) and speed of an animal that runs round a track one way, and sometimes rests.

    The speed is an Ornstein–Uhlenbeck process (2 s) about its mean with half of it as deviation, cut off at
    zero.
    """
    wish = ornstein_uhlenbeck(n_times, step, time_constant=2.0, deviation=0.5 * mean_speed, generator=generator)
    speed = np.maximum(mean_speed + wish, 0.0)
    return np.mod(generator.uniform(0, length) + np.cumsum(speed) * step, length), speed


def foraging(n_times: int, step: float, side: float, mean_speed: float, generator: np.random.Generator) -> FloatArray:
    """Positions (n_times, 2) in a square box: two Ornstein–Uhlenbeck velocities (1 s), the path reflected
    at walls.

    Reflection is exact: the free path is folded into the box. The mean speed of the two-dimensional
    Gaussian velocity is ``√(π/2)`` of its standard deviation per axis.
    """
    deviation = mean_speed / np.sqrt(np.pi / 2)
    start = generator.uniform(0, side, size=2)
    velocity = np.stack([ornstein_uhlenbeck(n_times, step, 1.0, deviation, generator) for _ in range(2)], axis=1)
    path = np.mod(start + np.cumsum(velocity, axis=0) * step, 2 * side)
    return np.where(path > side, 2 * side - path, path)
