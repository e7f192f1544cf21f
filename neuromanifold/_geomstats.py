"""The one door to geomstats.

geomstats 2.8.0 imports ``numpy.trapz``, which numpy 2.4 no longer has. The function lives on as
``numpy.trapezoid``; it is lent under the old name while geomstats is imported, and taken back at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

__all__ = ["geometry"]


@contextmanager
def _lent_trapz() -> Iterator[None]:
    if hasattr(np, "trapz"):
        yield
        return
    vars(np)["trapz"] = np.trapezoid
    try:
        yield
    finally:
        del vars(np)["trapz"]


def geometry(module: str) -> ModuleType:
    """The module ``geomstats.geometry.<module>``, imported on first use."""
    with _lent_trapz():
        return importlib.import_module(f"geomstats.geometry.{module}")
