"""Folders: which program wrote one, told from the files that are in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.phy import is_phy, read_phy
from neuromanifold.data.readers.suite2p import is_suite2p, read_suite2p

__all__ = ["FOLDERS", "folder_reader"]

Reader = Callable[[Path], list[Entry]]
FOLDERS: tuple[tuple[str, Callable[[Path], bool], Reader], ...] = (
    ("Suite2p (F.npy, spks.npy)", is_suite2p, read_suite2p),
    ("Kilosort or Phy (spike_times.npy, spike_clusters.npy)", is_phy, read_phy),
)


def folder_reader(folder: Path) -> Reader | None:
    """The reader of a folder, None if nothing in it is known."""
    return next((read for _, known, read in FOLDERS if known(folder)), None)
