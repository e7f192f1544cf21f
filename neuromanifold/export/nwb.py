"""Results as a processing module ``neuromanifold`` of the session's own NWB file, so that both travel together.

The latent angles are a ``TimeSeries`` (radians) on the clock of the session, every other part is a ``DynamicTable``
whose columns state their units; the module's description holds verdict, settings and version as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.export.tables import table
from neuromanifold.storage import HDF5_MAGIC, atomic_path, existing_file, netcdf_room, try_room

__all__ = ["MODULE", "results_module", "write_nwb"]

MODULE = "neuromanifold"


def write_nwb(path: str | os.PathLike[str], source: str | os.PathLike[str], parts: Mapping[str, xr.Dataset]) -> None:
    """Write a copy of the session ``source`` with the results in it, atomically; ``source`` itself is not touched.

    Raises
    ------
    FileFormatError
        If the session is no NWB file that pynwb reads, or the copy cannot be written.
    InputError
        If it holds results already, or pynwb is not installed.
    """
    session = existing_file(source, HDF5_MAGIC)
    module = results_module(parts)
    from pynwb import NWBHDF5IO

    with atomic_path(path) as temporary:
        try_room(temporary, session.stat().st_size + netcdf_room(parts.values()))
        shutil.copyfile(session, temporary)
        try:
            with NWBHDF5IO(str(temporary), "a") as stream:
                file = stream.read()
                if MODULE in file.processing:
                    raise InputError(f"{session} holds results already: give the session as it was recorded")
                file.add_processing_module(module)
                stream.write(file)
        except InputError:
            raise
        # pynwb and hdmf raise a dozen types of error on files that break the schema.
        except Exception as error:
            raise FileFormatError(f"pynwb cannot add to {session}: {type(error).__name__}: {error}") from error


def results_module(parts: Mapping[str, xr.Dataset]) -> Any:
    """The ``pynwb.ProcessingModule`` of results by name, to be added to a file in memory.

    Raises
    ------
    InputError
        If pynwb is not installed.
    """
    try:
        from pynwb import ProcessingModule
    except ImportError as error:
        raise InputError("writing NWB needs pynwb: pip install 'neuromanifold[nwb]'") from error
    about = {key: str(value) for key, value in parts["/"].attrs.items()} if "/" in parts else {}
    module = ProcessingModule(name=MODULE, description=json.dumps(about, sort_keys=True))
    for name, dataset in parts.items():
        if name != "/":
            module.add(_latent(dataset) if name == "latent" else _table(name, table(dataset)))
    return module


def _latent(dataset: xr.Dataset) -> Any:
    from pynwb import TimeSeries

    latent = dataset["latent"]
    about = ", ".join(f"{key}: {value}" for key, value in latent.attrs.items() if key != "units")
    return TimeSeries(
        name="latent", data=latent.to_numpy(), unit=str(latent.attrs.get("units", "radian")),
        timestamps=latent["time"].to_numpy(), description=f"intrinsic angles of the template ({about})",
    )  # fmt: skip


def _table(name: str, frame: pd.DataFrame) -> Any:
    from hdmf.common import DynamicTable, VectorData

    units = frame.attrs["units"]
    flat = frame.reset_index()
    columns = [
        VectorData(name=str(key), description=f"units: {units.get(key) or 'none'}", data=_values(flat[key]))
        for key in flat.columns
    ]
    return DynamicTable(name=name, description=f"neuromanifold: {name}", columns=columns)


def _values(column: pd.Series) -> Any:
    values = column.to_numpy()
    return values if values.dtype.kind in "iufb" else [str(value) for value in values]
