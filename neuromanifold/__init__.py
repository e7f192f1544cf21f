"""Recording in, curvature of its manifold against the task out, with an answer to "how sure?" at every step."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it (None: the name is itself a submodule). Loaded on first use, so that
# `import neuromanifold` takes milliseconds and never imports torch.
_PUBLIC: dict[str, str | None] = {
    "manifolds": None,
    "geometry": None,
    "distributions": None,
    "featuremaps": None,
    "benchmarks": None,
    "compare": None,
    "data": None,
    "diagnostics": None,
    "report": None,
    "sessions": None,
    "statistics": None,
    "storage": None,
    "synthetic": "neuromanifold.data",
    "datasets": "neuromanifold.data",
    "load": "neuromanifold.data.readers",
    "as_recording": "neuromanifold.data.recording",
    "align_variable": "neuromanifold.data.alignment",
    "select_units": "neuromanifold.data.units",
    "prepare": "neuromanifold.data.prepare",
    "join_sessions": "neuromanifold.data.joined",
    "condition_averages": "neuromanifold.data.condition_averages",
    "track_loop": "neuromanifold.data.track",
    "Topology": "neuromanifold.topology",
    "TopologicalVAE": "neuromanifold.models",
    "GeometricAutoencoder": "neuromanifold.models",
    "regularizers": "neuromanifold.models",
    "load_model": "neuromanifold.models",
    "curvature_profile": "neuromanifold.profile",
    "curvature_error": "neuromanifold.profile",
    "analyze": "neuromanifold.pipeline",
    "find_template": "neuromanifold.pipeline",
    "analyze_many": "neuromanifold.sessions",
    "compare_network": "neuromanifold.comparison",
    "checkpoints": "neuromanifold.progress",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'neuromanifold' has no attribute {name!r}; it has {', '.join(__all__)}")
    home = _PUBLIC[name]
    value = (
        importlib.import_module(f"neuromanifold.{name}")
        if home is None
        else getattr(importlib.import_module(home), name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
