"""Datasets of the shapes that an analysis hands to the report, with plausible numbers in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

TAU = 2 * np.pi


@dataclass
class FakeTopology:
    template_: str
    reasons_: tuple[str, ...]
    bars_: xr.Dataset
    loops_: xr.Dataset
    support_: dict[str, float] = field(default_factory=lambda: {"circle": 0.8, "undecided": 0.2})
    alternatives_: dict[str, float] = field(default_factory=lambda: {"circle": 2.5, "torus": 0.3})


def loops(n_loops: int = 1, n_components: int = 3) -> xr.Dataset:
    """Rings of noise in different planes, each with a path round it."""
    turn, rng = np.linspace(0, TAU, 20, endpoint=False), np.random.default_rng(0)
    planes = np.linalg.qr(rng.standard_normal((n_loops, 3, 3)))[0][:, :2, :n_components]
    paths = [np.c_[np.cos(turn), np.sin(turn)] @ plane for plane in planes]
    around = np.concatenate([np.empty((0, n_components)), *paths])
    data = np.tile(around, (20, 1)) + 0.1 * rng.standard_normal((20 * len(around), n_components))
    return xr.Dataset(
        {
            "data": (("sample", "component"), data),
            "position": (("step", "component"), around),
            "loop": ("step", np.repeat(np.arange(n_loops), len(turn))),
        },
        coords={"component": [f"PC{i + 1}" for i in range(n_components)]},
    )


@dataclass
class FakeAnalysis:
    """The attributes of an analysis that the report reads."""

    recording: xr.Dataset
    prepared: xr.Dataset
    topology: FakeTopology
    model: Any
    latent: xr.DataArray | None
    profile: xr.Dataset | None
    against: xr.Dataset | None
    statistics: xr.Dataset = field(default_factory=xr.Dataset)
    details: dict[str, xr.Dataset] = field(default_factory=dict)


def rates(angle: np.ndarray, d: int = 17) -> np.ndarray:
    """Tuning curves of d head-direction cells, spikes per bin."""
    rng = np.random.default_rng(7)
    preferred = rng.permutation(np.linspace(0, TAU, d, endpoint=False)) + rng.normal(0, 0.15, d)
    height, width = rng.uniform(1, 6, d), rng.uniform(1.5, 6, d)
    return height * np.exp(width * (np.cos(angle[:, None] - preferred) - 1)) + 0.15


def recording(n: int = 1500, d: int = 17, seed: int = 0, names: list[str] | None = None) -> xr.Dataset:
    """Head-direction cells in degrees, the head turning slowly."""
    rng = np.random.default_rng(seed)
    heading = np.mod(np.cumsum(rng.normal(0, 12, n)) + 180 * rng.random(), 360)
    rate = rates(np.deg2rad(heading), d)
    heading[rng.random(n) < 0.04] = np.nan
    return xr.Dataset(
        {
            "activity": (("time", "unit"), rng.poisson(rate), {"kind": "counts", "units": "spikes per bin"}),
            "head_direction": (
                "time",
                heading,
                {"kind": "circular", "units": "deg", "period": 360.0, "long_name": "head direction"},
            ),
            "position": ("time", rng.random(n), {"kind": "linear", "units": "m"}),
        },
        coords={
            "time": 0.2 * np.arange(n),
            "unit": names or [f"adn{i:02d}" for i in range(d)],
            "interval": ("time", np.zeros(n, np.int64)),
        },
        attrs={"sampling_period": 0.2},
    )


def prepared(rec: xr.Dataset) -> xr.Dataset:
    """Square roots of the counts."""
    activity = np.sqrt(rec["activity"]).assign_attrs(kind="continuous", units="√(spikes per bin)")
    return rec.assign(activity=activity)


def bars(template: str = "circle", seed: int = 0, degrees: int = 2, endless: bool = True) -> xr.Dataset:
    """Bars of both fields; the significant ones are those of ``template``."""
    rng = np.random.default_rng(seed)
    betti = {"circle": (1, 0), "torus": (2, 1), "sphere": (0, 1), "klein": (2, 1), "undecided": (0, 0)}[template]
    rows = []
    for prime in (2, 3):
        rows += [(0, prime, 0.0, float(x), False) for x in rng.gamma(2, 0.12, 60)]
        rows += [(0, prime, 0.0, np.inf if endless else 3.0, True)]
        for degree in range(1, degrees + 1):
            b = rng.uniform(0.6, 1.6, 40)
            rows += [(degree, prime, x, x + g, False) for x, g in zip(b, rng.gamma(1.2, 0.08, 40), strict=True)]
            count = betti[degree - 1]
            rows += [(degree, prime, 0.7 + 0.1 * j, 2.6 - 0.2 * j, True) for j in range(count)]
    degree, prime, birth, death, significant = (np.array(column) for column in zip(*rows, strict=True))
    null = rng.gamma(20, 0.03, (100, degrees))
    return xr.Dataset(
        {
            "degree": ("bar", degree),
            "prime": ("bar", prime),
            "birth": ("bar", birth, {"units": "standardised distance"}),
            "death": ("bar", death),
            "significant": ("bar", significant.astype(bool)),
            "null_longest": (("shuffle", "degree_"), null),
            "null_threshold": ("degree_", np.quantile(null, 0.95, axis=0)),
        },
        coords={"degree_": np.arange(1, degrees + 1)},
        attrs={
            "template": template,
            "alpha": 0.05,
            "metric": "euclidean",
            "n_landmarks": 300,
            "n_shuffles": 100,
        },
    )


def profile(template: str = "circle", d: int = 17, bands: bool = True, seed: int = 0) -> xr.Dataset:
    """A smooth closed curve or surface in d units with a plausible curvature."""
    rng = np.random.default_rng(seed)
    if template == "circle":
        angles = [np.linspace(0, TAU, 120, endpoint=False)]
    elif template == "sphere":
        angles = [
            np.arccos(np.polynomial.legendre.leggauss(24)[0])[::-1],
            np.linspace(0, TAU, 48, endpoint=False),
        ]
    else:
        angles = [np.linspace(0, TAU, 40, endpoint=False)] * 2
    u = np.stack([g.ravel() for g in np.meshgrid(*angles, indexing="ij")], axis=-1)
    t = u[:, 0]
    if template == "circle":
        h = 0.8 + 0.3 * np.cos(3 * t) + 0.1 * np.sin(t)
    elif template == "sphere":
        r = 1 + 0.4 * np.exp(-5 * t**2) + 0.4 * np.exp(-5 * (t - np.pi) ** 2)
        xyz = [np.sin(t) * np.cos(u[:, 1]), np.sin(t) * np.sin(u[:, 1]), np.cos(t)]
        z, h = (
            r[:, None] * np.stack(xyz, axis=-1),
            1 + 0.5 * np.cos(t) ** 2 + 0.2 * np.sin(u[:, 1]) * np.sin(t),
        )
    else:
        ring = 2 + np.cos(t)
        z = np.stack([ring * np.cos(u[:, 1]), ring * np.sin(u[:, 1]), np.sin(t)], axis=-1)
        h = np.abs(2 + 2 * np.cos(t)) / (2 * ring) + 0.1 * np.cos(u[:, 1])
    if template == "circle":
        position = np.sqrt(rates(t, d))
    else:
        position = z @ np.linalg.qr(rng.normal(size=(d, z.shape[1])))[0].T + 1.0
    names = ["mean_curvature_norm", "scalar_curvature", "log_volume", "dimensionless_mean_curvature"]
    values = dict(zip(names, (h, 2 * h - 1, np.log(h + 1), 1.3 * h), strict=True))
    units = dict(zip(names, ("1/√(spikes per bin)", "1/(spikes per bin)", "", ""), strict=True))
    data = {name: ("point", value, {"units": units[name]}) for name, value in values.items()}
    if bands:
        for name, value in values.items():
            data[f"{name}_lower"] = ("point", value - 0.1 - 0.05 * np.sin(t) ** 2)
            data[f"{name}_upper"] = ("point", value + 0.15)
    data["position"] = (("point", "unit"), position)
    coords = {f"angle_{i}": ("point", u[:, i], {"units": "rad"}) for i in range(u.shape[1])}
    return xr.Dataset(data, coords=coords, attrs={"template": template, "level": 0.9, "n_bootstrap": 50})


def against(seed: int = 0) -> xr.Dataset:
    """The profile in 36 bins of head direction."""
    rng = np.random.default_rng(seed)
    centre = np.arange(5.0, 360, 10)
    h = 0.8 + 0.25 * np.cos(3 * np.deg2rad(centre)) + rng.normal(0, 0.02, 36)
    return xr.Dataset(
        {
            "mean_curvature_norm": ("head_direction", h, {"units": "1/√(spikes per bin)"}),
            "mean_curvature_norm_q25": ("head_direction", h - rng.uniform(0.05, 0.12, 36)),
            "mean_curvature_norm_q75": ("head_direction", h + rng.uniform(0.05, 0.2, 36)),
            "mean_curvature_norm_lower": ("head_direction", h - 0.15),
            "mean_curvature_norm_upper": ("head_direction", h + 0.18),
            "p_bin": ("head_direction", np.where(h > 0.95, 0.01, 0.4)),
            "occupancy": ("head_direction", rng.integers(8, 80, 36), {"units": "samples"}),
        },
        coords={
            "head_direction": (
                "head_direction",
                centre,
                {"units": "deg", "period": 360.0, "long_name": "head direction"},
            )
        },
        attrs={"variable": "head_direction", "level": 0.9},
    )


def latent(rec: xr.Dataset, dims: int = 1, seed: int = 1) -> xr.DataArray:
    """The head's angle with 10 degrees of noise, in radians."""
    rng = np.random.default_rng(seed)
    angle = np.deg2rad(rec["head_direction"].interpolate_na("time", fill_value="extrapolate").to_numpy())
    noisy = np.mod(angle[:, None] + rng.normal(0, 0.18, (angle.size, dims)), TAU)
    return xr.DataArray(noisy, dims=("time", "angle"), coords={"time": rec["time"]}, attrs={"units": "rad"})


def statistics() -> xr.Dataset:
    """Scalars with intervals, as an analysis gives them."""
    return xr.Dataset(
        {
            "mean_curvature": (
                (),
                0.812,
                {
                    "units": "1/√(spikes per bin)",
                    "long_name": "mean |H|",
                    "description": "average of the mean curvature over the manifold",
                },
            ),
            "mean_curvature_lower": ((), 0.741),
            "mean_curvature_upper": ((), 0.903),
            "length": ((), 9.87, {"units": "√(spikes per bin)", "description": "length of the ring"}),
            "median_error": (
                (),
                10.4,
                {
                    "units": "deg",
                    "long_name": "median decoding error",
                    "description": "latent against head direction after the best turn or flip",
                },
            ),
            "p_variation": (
                (),
                0.0099,
                {
                    "long_name": "p (curvature varies)",
                    "description": "circular shifts of the variable against the profile",
                },
            ),
        }
    )


def table(n: int) -> xr.Dataset:
    """Layers against layers, less alike the farther they are apart."""
    apart = np.abs(np.arange(n)[:, None] - np.arange(n))
    names = [f"layer {i + 1}" for i in range(n)]
    return xr.Dataset(
        {
            "value": (("a", "b"), np.exp(-0.3 * apart), {"units": "1"}),
            "standard_error": (("a", "b"), 0.01 * apart),
            "p_value": (("a", "b"), np.where(apart < 5, 0.01, 0.4)),
        },
        coords={"a": names, "b": names},
        attrs={"measure": "debiased linear CKA"},
    )


def beside() -> xr.Dataset:
    """Two profiles along the head's direction."""
    angle = np.linspace(0, TAU, 120, endpoint=False)
    curves = 1 + 0.3 * np.stack([np.cos(3 * angle), np.cos(3 * angle + 0.5)])
    name, dims = "dimensionless_mean_curvature", ("representation", "angle")
    return xr.Dataset(
        {
            name: (dims, curves, {"long_name": "dimensionless mean curvature", "units": ""}),
            f"{name}_lower": (dims, curves - 0.1),
            f"{name}_upper": (dims, curves + 0.1),
            f"{name}_correlation": 0.88,
        },
        coords={
            "representation": ["recording", "network"],
            "angle": ("angle", angle, {"long_name": "head direction"}),
        },
    )


def conditions() -> xr.Dataset:
    """A bend that moves between two conditions."""
    angle = np.linspace(0, TAU, 120, endpoint=False)
    norm = 1 + 0.3 * np.stack([np.cos(3 * angle), np.cos(3 * angle + 0.3)])
    difference = norm[1] - norm[0]
    return xr.Dataset(
        {
            "mean_curvature_norm": (("condition", "point"), norm, {"units": "1 / SD"}),
            "difference": ("point", difference),
            "difference_lower": ("point", difference - 0.1),
            "difference_upper": ("point", difference + 0.1),
            "p_value": 0.01,
        },
        coords={"condition": ["left", "right"], "angle_0": ("point", angle)},
        attrs={"level": 0.9},
    )


def analysis(template: str = "circle", names: list[str] | None = None) -> FakeAnalysis:
    """A decided analysis, or one that could not tell."""
    rec = recording(names=names)
    if template == "undecided":
        reasons = ("landmark draws disagree (circle 60%, undecided 40%): record longer, or smooth more",)
        return FakeAnalysis(
            rec, prepared(rec), FakeTopology(template, reasons, bars(template), loops(0)), None, None, None, None
        )
    degrees = 1 if template == "circle" else 2
    topology = FakeTopology(
        template, ("circle 100% of 5 landmark draws",), bars(template, degrees=degrees), loops(degrees)
    )
    return FakeAnalysis(
        rec,
        prepared(rec),
        topology,
        object(),
        latent(rec, degrees),
        profile(template),
        against(),
        statistics(),
    )
