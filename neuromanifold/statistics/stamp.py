"""What every result of a statistic carries: the version, the settings and the seed that made it."""

from __future__ import annotations

from typing import Any

import xarray as xr

from neuromanifold import __version__
from neuromanifold._typing import RandomState

__all__ = ["quantity", "stamped"]


def stamped(dataset: xr.Dataset, random_state: RandomState = None, **settings: Any) -> xr.Dataset:
    """The dataset with version, seed and settings in its attrs; None is left out."""
    given = {"seed": None if random_state is None else str(random_state), **settings}
    kept = {name: value for name, value in given.items() if value is not None}
    return dataset.assign_attrs(version=__version__, **kept)


def quantity(long_name: str, units: str = "", convention: str = "") -> dict[str, str]:
    """Attrs of a variable."""
    attrs = {"long_name": long_name, "units": units}
    return attrs | {"convention": convention} if convention else attrs
