"""Kilosort and Phy folders: ``spike_times.npy`` (sample numbers), ``spike_clusters.npy`` and tables of the clusters.

``params.py`` is read as text for ``sample_rate`` and never run. Columns of ``cluster_*.tsv`` (group, KSLabel, depth,
...) become labels of the units; clusters whose group is "noise" are no neurons and are left out, and said.
(Rossant et al. 2016, Nat Neurosci 19:634.)
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._untrusted import readable
from neuromanifold.data.inference import warn
from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.npy import npy_entry
from neuromanifold.data.readers.roles import split_by_unit

__all__ = ["is_phy", "read_phy"]

_CLUSTERS = ("spike_clusters.npy", "spike_templates.npy")
_RATE = re.compile(r"^\s*sample_rate\s*=\s*([0-9.eE+]+)\s*(#.*)?$", re.MULTILINE)


def is_phy(folder: Path) -> bool:
    """Whether a folder holds spike times and the cluster of each."""
    return (folder / "spike_times.npy").is_file() and any((folder / name).is_file() for name in _CLUSTERS)


def read_phy(folder: Path) -> list[Entry]:
    """The entry of a Kilosort or Phy folder: spike trains in samples, with the sampling rate and the labels.

    Raises
    ------
    FileFormatError
        If a file is damaged, or spikes and clusters are not as many.
    """
    times, clusters = _spikes(folder)
    ids = np.unique(clusters)
    labels = _labels(folder, ids)
    kept = labels["group"] != "noise" if "group" in labels else np.ones(len(ids), dtype=bool)
    attrs: dict[str, Any] = {"units": [str(i) for i in ids[kept]], "sample_rate": _sample_rate(folder)}
    read = partial(_trains, times, clusters, kept)
    return [
        Entry("spikes", (int(kept.sum()),), times.dtype.str, read, ragged=True, attrs=attrs,
              labels={name: column[kept] for name, column in labels.items()})
    ]  # fmt: skip


def _spikes(folder: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    name = next(name for name in _CLUSTERS if (folder / name).is_file())
    times, clusters = (np.ravel(npy_entry(folder / part, part).read()) for part in ("spike_times.npy", name))
    if len(times) != len(clusters) or clusters.dtype.kind not in "iu" or times.dtype.kind not in "iuf":
        raise FileFormatError(
            f"{folder}: spike_times.npy has {len(times)} values of {times.dtype} and {name} {len(clusters)} of "
            f"{clusters.dtype}; they must be as many numbers, clusters whole ones"
        )
    return times, clusters


def _trains(times: npt.NDArray[Any], clusters: npt.NDArray[Any], kept: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    if not kept.all():
        warn(f"{int((~kept).sum())} of {len(kept)} clusters are noise by their group; they are left out")
    return [train for train, keep in zip(split_by_unit(times, clusters), kept, strict=True) if keep]


def _labels(folder: Path, ids: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Columns of the tables of clusters, by the order of ``ids``; ``cluster_info.tsv`` holds those of all others."""
    tables = sorted(folder.glob("cluster_*.tsv"), key=lambda path: path.name != "cluster_info.tsv")
    labels: dict[str, npt.NDArray[Any]] = {}
    for path in tables:
        with readable(path, "a table of clusters"):
            table = pd.read_csv(path, sep="\t", encoding="utf-8")
        key = next((name for name in ("cluster_id", "id") if name in table), None)
        if key is None or table[key].duplicated().any():
            raise FileFormatError(f"{path} must have one row a cluster, by a column cluster_id")
        rows = table.set_index(key).reindex(ids)
        labels = {**{str(name): _column(rows[name]) for name in rows}, **labels}
    return labels


def _column(column: pd.Series) -> npt.NDArray[Any]:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return np.array(["" if pd.isna(value) else str(value) for value in column])


def _sample_rate(folder: Path) -> Any:
    """Hz by the text of params.py; a rate that raises when it is used where there is none."""
    path = folder / "params.py"
    stated = _RATE.search(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
    return float(stated.group(1)) if stated else _NoRate(folder)


class _NoRate:
    """The sampling rate of a folder that does not state it: asked for only if the caller gives no ``time_scale``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __float__(self) -> float:
        raise InputError(
            f"{self.folder}: no params.py states sample_rate: give time_scale=1/30000, the seconds in one sample"
        )
