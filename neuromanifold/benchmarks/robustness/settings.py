"""Bad settings: every parameter of an entry point given what it cannot be, and combinations that decide nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.given import Fault, Given
from neuromanifold.featuremaps import kernel_learning
from neuromanifold.topology import circular_coordinates, persistence_diagrams

__all__ = ["SETTINGS"]

# What no parameter of a number, a name or a list can be. None and booleans stand for themselves in some.
WRONG: dict[str, Any] = {
    "a word": "nonsense",
    "NaN": np.nan,
    "minus one": -1,
    "infinity": np.inf,
    "an object": object(),
    "a list of words": ["a", "b"],
    "a complex number": 1j,
    "a dict": {"a": 1},
}
# Parameters of no wrong value: anything is true or false.
TRUTH = {
    "on_points",
    "validate_args",
    "verbose",
    "zscore",
    "warm_start",
    "variational",
    "sweep",
    "sensitivity",
    "template_vote",
}
# Wrong values that are right for a parameter.
RIGHT = {
    ("n_jobs", "minus one"),
    ("checkpoint", "a word"),
    ("out", "a word"),
    ("amplitude", "minus one"),
    ("orientation", "minus one"),
    ("reward", "minus one"),
    ("bias", "minus one"),
    ("cosine", "minus one"),
    ("precision", "infinity"),
    ("path", "a word"),
}
# What else a message may call a parameter.
CALLED = {
    "variable": "task variable",
    "variables": "task variable",
    "along": "task variable",
    "speed_of": "speed",
    "table": "file",
    "condition": "task variable|condition",
    "name": "layer",
    "topology_smoothing": "smoothing",
    "min_speed": "speed",
}
ENTRIES: dict[str, Callable[..., Any]] = {
    "Topology": nm.Topology,
    "TopologicalVAE": nm.TopologicalVAE,
    "GeometricAutoencoder": nm.GeometricAutoencoder,
    "prepare": nm.prepare,
    "curvature_profile": nm.curvature_profile,
    "featuremaps.layer": nm.featuremaps.layer,
    "analyze": nm.analyze,
    "load": nm.load,
    "find_template": nm.find_template,
    "select_units": nm.select_units,
    "condition_averages": nm.condition_averages,
    "track_loop": nm.track_loop,
    "analyze_many": nm.analyze_many,
    "statistics.curvature_variation": nm.statistics.curvature_variation,
    "statistics.compare_conditions": nm.statistics.compare_conditions,
    "statistics.compare_templates": nm.statistics.compare_templates,
    "statistics.unit_shares": nm.statistics.unit_shares,
    "diagnostics.manifold_error": nm.diagnostics.manifold_error,
    "diagnostics.neighborhoods": nm.diagnostics.neighborhoods,
    "diagnostics.wrong_manifold": nm.diagnostics.wrong_manifold,
    "compare.procrustes": nm.compare.procrustes,
    "compare.rsa": nm.compare.rsa,
    "AmariWuClassifier": kernel_learning.AmariWuClassifier,
    "RecursiveFeatureMachine": kernel_learning.RecursiveFeatureMachine,
    "SelfSupervisedKernel": kernel_learning.SelfSupervisedKernel,
    "featuremaps.shallow": nm.featuremaps.shallow,
    "statistics.explained_curvature": nm.statistics.explained_curvature,
    "statistics.curvature_controls": nm.statistics.curvature_controls,
    "statistics.seed_ensemble": nm.statistics.seed_ensemble,
    "statistics.sensitivity": nm.statistics.sensitivity,
    "statistics.pooled_profile": nm.statistics.pooled_profile,
    "statistics.group_differences": nm.statistics.group_differences,
    "compare_network": nm.compare_network,
    "compare.matrix": nm.compare.matrix,
    "compare.curvature": nm.compare.curvature,
    "compare.curvature_matrix": nm.compare.curvature_matrix,
    "diagnostics.maps": nm.diagnostics.maps,
    "diagnostics.metric_ellipses": nm.diagnostics.metric_ellipses,
    "diagnostics.paths": nm.diagnostics.paths,
    "diagnostics.learned_curves": nm.diagnostics.learned_curves,
    "featuremaps.estimate_log_volume": nm.featuremaps.estimate_log_volume,
    "featuremaps.three_units": nm.featuremaps.three_units,
    "featuremaps.Plane": nm.featuremaps.Plane.affine_grid,
    "checkpoints": nm.checkpoints,
    "TopologicalVAE.save": nm.TopologicalVAE.save,
    "distributions.VonMisesFisher": nm.distributions.VonMisesFisher,
    "distributions.ProductVonMises": nm.distributions.ProductVonMises,
    "topology.persistence_diagrams": persistence_diagrams,
    "topology.circular_coordinates": circular_coordinates,
    "geometry.geodesic": nm.geometry.geodesic,
    "geometry.exponential": nm.geometry.exponential,
    "geometry.distance_matrix": nm.geometry.distance_matrix,
    "geometry.volume": nm.geometry.volume,
    "geometry.extrinsic_curvature": nm.geometry.extrinsic_curvature,
    **{f"manifolds.{name}": getattr(nm.manifolds, name) for name in ("Euclidean", "Sphere", "Torus")},
    **{f"geometry.ambient.{one.__name__}": one for one in nm.geometry.ambient.AMBIENTS},
    "sessions.find_sources": nm.sessions.find_sources,
    "sessions.analyze_sources": nm.sessions.analyze_sources,
    "storage.write_netcdf": nm.storage.write_netcdf,
    "storage.read_netcdf": nm.storage.read_netcdf,
    **{f"synthetic.{name}": getattr(nm.synthetic, name) for name in nm.synthetic.__all__ if name != "immersion_of"},
    **{f"datasets.{name}": getattr(nm.datasets, name) for name in ("load", "card", "fetch")},
    **{f"regularizers.{one.__name__}": one for one in nm.regularizers.REGULARIZERS},
    **{
        f"featuremaps.{part}.{name}": getattr(getattr(nm.featuremaps, part), name)
        for part, names in {
            "infinite_width": ("NNGP", "NTK", "metric", "eigenvalues", "scalar_curvature"),
            "bayesian": ("WideBayesianNetwork", "monomial_volume_ratio", "monomial_susceptibility"),
            "kernels": ("RBF", "SmoothLaplace", "Polynomial", "ArcCosine"),
        }.items()
        for name in names
    },
}
GIVEN_ELSEWHERE = {
    "X", "y", "groups", "recording", "recordings", "model", "module", "source", "position", "velocity", "immersion",
    "f", "latents", "truth", "estimator", "A", "B", "settings", "W", "b", "phi", "x", "Y", "models", "sessions",
    "start", "end", "found", "content", "training_point", "target", "self", "choices", "analysis",
    "u", "options", "generator", "ambient", "points",
}  # fmt: skip


def _fault(entry: str, name: str, settings: dict[str, Any], says: str) -> Fault:
    def spoil(given: Given) -> Given:
        return replace(given, settings=settings)

    return Fault(f"{entry}: {name}", "settings", spoil, says, frozenset({entry}))


def _of_parameters() -> Iterator[Fault]:
    for entry, function in ENTRIES.items():
        for parameter in inspect.signature(function).parameters:
            if parameter not in TRUTH | GIVEN_ELSEWHERE:
                for what, value in WRONG.items():
                    if (parameter, what) not in RIGHT:
                        says = f"{parameter}|{CALLED.get(parameter, parameter)}"
                        yield _fault(entry, f"{parameter} is {what}", {parameter: value}, says)


COMBINED = (
    _fault("Topology", "shuffles that cannot decide", {"n_shuffles": 5, "alpha": 0.01}, "n_shuffles"),
    _fault("Topology", "more landmarks than memory", {"n_landmarks": 10**7}, "n_landmarks"),
    _fault("Topology", "alpha is 1", {"alpha": 1.0}, "alpha"),
    _fault("TopologicalVAE", "an unknown template", {"template": "sphere of seven"}, "circle"),
    _fault("TopologicalVAE", "a plane, which no activity fills", {"template": "torus of nine"}, "circle"),
    _fault("TopologicalVAE", "an activation is no likelihood", {"likelihood": "tanh"}, "likelihood"),
    _fault("TopologicalVAE", "a checkpoint without a seed", {"checkpoint": "x", "random_state": None}, "random_state"),
    _fault("TopologicalVAE", "a width of zero", {"hidden": (0,)}, "hidden"),
    _fault("GeometricAutoencoder", "more latents than units", {"n_components": 50}, "n_components"),
    _fault("GeometricAutoencoder", "ReLU", {"activation": "relu"}, "curvature"),
    _fault("GeometricAutoencoder", "a width of zero", {"hidden": (0,)}, "hidden"),
    _fault("prepare", "negative smoothing", {"smoothing": -1.0}, "smoothing"),
    _fault("prepare", "a bin shorter than a sample", {"bin_size": 1e-9}, "bin_size"),
    _fault("prepare", "a bin longer than all", {"bin_size": 1e6}, "bin"),
    _fault("prepare", "more components than units", {"n_components": 50}, "n_components"),
    _fault("prepare", "a speed of what is not there", {"min_speed": ("nothing", 1.0)}, "nothing"),
    _fault("prepare", "faster than any", {"min_speed": ("angle_rad", 1e9)}, "speed"),
    _fault("load", "no trial at all", {"interval": np.zeros((0, 2))}, "epoch|interval|trial"),
    _fault("load", "an epoch that ends before it starts", {"interval": np.array([[1.0, 0.5]])}, "epoch|start"),
    _fault("load", "an epoch after the end", {"interval": np.array([[50.0, 60.0]])}, "interval"),
    _fault("load", "epochs that overlap", {"interval": np.array([[0.0, 1.0], [0.5, 1.5]])}, "overlap"),
    _fault("load", "an epoch without an end", {"interval": np.array([[0.0, np.nan]])}, "epoch|finite"),
    _fault("analyze", "an unknown variable", {"variable": "speed"}, "speed"),
    _fault("analyze", "an unknown template", {"template": "sphere of seven"}, "circle"),
    _fault("featuremaps.layer", "an unknown layer", {"name": "layer9"}, "layer9"),
)


def _words(entry: str, option: str, value: str, says: str) -> Fault:
    return _fault(f"neuromanifold {entry}", f"{option} {value}", {"words": (option, value)}, says)


COMMON = (
    ("--activity", "nothing", "nothing"),
    ("--activity", "../../x\x1b[2J", "no activity"),
    ("--bin-size", "wide", "bin-size"),
    ("--bin-size", "-1", "bin_size"),
    ("--bin-size", "nan", "bin_size"),
    ("--bin-size", "0.07", "multiple"),
    ("--interval", "lap", "lap"),
    ("--units", "location", "LABEL=VALUE"),
    ("--units", "location=adn", "location"),
    ("--sampling-period", "0", "sampling_period"),
    ("--time-scale", "-3", "time_scale"),
    ("--smoothing", "wide", "wide"),
    ("--smoothing", "-1", "-1"),
    ("--smoothing", "nan", "nan"),
    ("--shuffles", "0", "shuffles"),
    ("--shuffles", "many", "shuffles"),
    ("--seed", "-1", "seed"),
    ("--jobs", "0", "workers"),
    ("--jobs", "two", "jobs"),
    ("--nonsense", "1", "No such option"),
)
COMMANDS = (
    *(_words(entry, *words) for entry in ("topology", "analyze") for words in COMMON),
    _words("topology", "--alpha", "2", "alpha"),
    _words("topology", "--shuffles", "5", "n_shuffles"),
    _words("topology", "--out", "/proc/nowhere", "cannot write"),
    _words("analyze", "--template", "sphere of seven", "circle"),
    _words("analyze", "--variable", "speed", "speed"),
    _words("analyze", "--condition", "speed", "speed"),
    _words("analyze", "--device", "abacus", "abacus"),
    _words("analyze", "--out", "/proc/nowhere", "cannot write"),
    _words("analyze", "--topology-smoothing", "inf", "inf"),
)

STUDIES = (
    _words("analyze-many", "--sessions", "/no/such.csv", "no such file"),
    _words("analyze-many", "--share", "5/2", "share"),
    _words("analyze-many", "--share", "half", "share"),
    _words("analyze-many", "--variable", "speed", "speed"),
    _words("analyze-many", "--template", "sphere of seven", "circle"),
    _words("analyze-many", "--smoothing", "wide", "wide"),
    _words("analyze-many", "--bin-size", "-1", "bin_size"),
    _words("analyze-many", "--seed", "-1", "seed"),
    _words("analyze-many", "--jobs", "0", "workers"),
    _words("analyze-many", "--out", "/proc/nowhere", "cannot write"),
    _words("demo", "--seed", "-1", "seed"),
    _words("demo", "--jobs", "0", "workers"),
    _words("demo", "--out", "/proc/nowhere", "cannot write"),
    *(
        _fault("neuromanifold featuremaps", " ".join(words), {"words": words}, says)
        for words, says in (
            (("alchemy",), "alchemy"),
            (("xor", "--seeds", "0"), "seeds"),
            (("xor", "--seed", "-1"), "seed"),
            (("xor", "--device", "abacus"), "abacus"),
            (("xor", "--out", "/proc/nowhere"), "cannot write"),
            (("mnist", "--data", "/no/such/images"), "/no/such/images"),
            (("cifar", "--network", "resnet7"), "resnet7"),
            (("cifar", "--weights", "/no/such.th"), "/no/such.th"),
        )
    ),
    *(
        _fault("neuromanifold benchmark", " ".join(words), {"words": words}, says)
        for words, says in (
            (("alchemy",), "alchemy"),
            (("geometry", "--seeds", "2"), "seeds"),
            (("bands", "--seeds", "0"), "seeds"),
            (("bands", "--jobs", "0"), "workers"),
            (("bands", "--out", "/proc/nowhere"), "cannot write"),
        )
    ),
)

SETTINGS = (*_of_parameters(), *COMBINED, *COMMANDS, *STUDIES)
