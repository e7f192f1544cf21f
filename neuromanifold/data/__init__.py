"""Recordings: what they are, how they are read, prepared, simulated, and the ones that come along."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["datasets", "synthetic"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'neuromanifold.data' has no attribute {name!r}")
    return importlib.import_module(f"neuromanifold.data.{name}")
