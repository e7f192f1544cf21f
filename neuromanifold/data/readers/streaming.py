"""Streaming: activity of a store that is too large for memory is read in blocks of time, and nothing else is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold.data.blocks import has_dask, n_block_samples, require_streaming

__all__ = ["LARGE_BYTES", "Chunks", "streamed"]

# Samples of a block; None: all in memory; "auto": in blocks where the activity, in float64, is larger than this.
Chunks: TypeAlias = int | Literal["auto"] | None
LARGE_BYTES = 2**31


def streamed(dataset: xr.Dataset, chunks: Chunks) -> xr.Dataset:
    """A Dataset that is opened but not read, its activity (time, unit) in blocks where that is asked for.

    Raises
    ------
    InputError
        If blocks have no samples, there is no such activity to read in blocks, or dask is not installed.
    """
    laid_out = "activity" in dataset.data_vars and set(dataset["activity"].dims) == {"time", "unit"}
    if chunks is None or (chunks == "auto" and not (laid_out and _is_large(dataset["activity"]) and has_dask())):
        return dataset
    if chunks != "auto" and (isinstance(chunks, str) or int(chunks) < 1):
        raise InputError(f'chunks is {chunks!r}; it must be a number of samples, "auto" or None (all in memory)')
    if not laid_out:
        names = ", ".join(map(str, dataset.data_vars)) or "nothing"
        raise InputError(
            f"only a variable 'activity' of dims (time, unit) is read in blocks; there is {names}. Rename it by xarray "
            "and save it again, or leave chunks out to read it whole"
        )
    require_streaming()
    activity = dataset["activity"]
    wanted = n_block_samples(activity.sizes["unit"]) if chunks == "auto" else int(chunks)
    # Blocks of whole chunks of the store, each of which is unpacked as a whole.
    stored = int(activity.encoding.get("preferred_chunks", {}).get("time", 1))
    n_samples = max(round(wanted / stored), 1) * stored
    return dataset.assign(activity=activity.chunk({"time": n_samples, "unit": -1}))


def _is_large(activity: xr.DataArray) -> bool:
    return 8 * activity.size > LARGE_BYTES
