"""Registry: public recordings that are fetched when asked for, where each comes from and how it is known to be whole.

A digest in ``digest`` was published by somebody, named in ``digest_source``; none was made up. Where it is None the
archive publishes one with the file (DANDI a SHA-256, Figshare an MD5), which is asked for before the download. Every
file's SHA-256 is kept beside it, so that a file that changes later is noticed whatever was published.

None of these downloads could be tried where this package is built: the layouts are tested on small files written by
the tests, the addresses and digests are as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PUBLIC", "PublicRecording"]


@dataclass(frozen=True)
class PublicRecording:
    """A recording in a public archive.

    Attributes
    ----------
    title, doi, licence : str
        What it is, the identifier of the data to cite, and under what terms they are given.
    address : str
        Of the file, or of the record of an archive that lists its files.
    archive : {"file", "dandi", "figshare"}
    file : str
        Its path in the archive.
    digest, digest_source : str or None
        ``sha256:...`` or ``md5:...``, and who published it.
    layout : {"nwb", "gardner"}
    choices, labels : mapping
        What :func:`neuromanifold.load` and :func:`neuromanifold.select_units` are told unless the caller says so.
    member : str or None
        The file inside the archive that ``file`` is.
    """

    title: str
    doi: str
    licence: str
    address: str
    archive: str
    file: str
    digest: str | None = None
    digest_source: str | None = None
    layout: str = "nwb"
    choices: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    member: str | None = None


_GARDNER: dict[str, Any] = {
    "title": "grid cells of rat R, day 1, open field (Gardner et al. 2022, Nature 602:123)",
    "doi": "10.6084/m9.figshare.16764508.v6",
    "licence": "CC0-1.0",
    "address": "https://api.figshare.com/v2/articles/16764508/versions/6",
    "archive": "figshare",
    "file": "Toroidal_topology_grid_cell_data.zip",
    "digest": "md5:379bfdca61cd54d5f58cab9d3ba477de",
    "digest_source": "Figshare's MD5, as two published analyses of the data state it",
    "layout": "gardner",
    "member": "Toroidal_topology_grid_cell_data/rat_r_day1_grid_modules_1_2_3.npz",
}
# Seconds of the open field, without the stretch that the authors leave out.
_OPEN_FIELD = ((7457.0, 14778.0), (14890.0, 16045.0))

_HEADING = {"kind": "circular", "units": "rad"}

PUBLIC: dict[str, PublicRecording] = {
    "peyrache_mouse32": PublicRecording(
        title="head-direction cells of the anterior thalamus, Mouse32-140822 of th-1 (Peyrache et al. 2015)",
        doi="10.6080/K0G15XS1",
        licence="CRCNS terms of use",
        address="https://osf.io/jb2gd/download",
        archive="file",
        file="Mouse32-140822.nwb",
        digest="sha256:1a919a033305b8f58b5c3e217577256183b14ed5b436d9c70989dee6dafe0f35",
        digest_source="the registry of NeMoS (flatironinstitute/nemos)",
        choices={"bin_size": 0.025, "interval": "epochs.wake", "variables": {"ry": _HEADING}},
        labels={"location": "adn"},
    ),
    "duszkiewicz_A3707": PublicRecording(
        title="head-direction cells of the post-subiculum, mouse A3707 (Duszkiewicz et al. 2024)",
        doi="10.48324/dandi.000939/0.240528.1542",
        licence="CC-BY-4.0",
        address="https://api.dandiarchive.org/api/dandisets/000939/versions/0.240528.1542",
        archive="dandi",
        file="sub-A3707/sub-A3707_behavior+ecephys.nwb",
        choices={"bin_size": 0.025, "interval": "epochs.wake_square", "variables": ["head-direction"]},
        labels={"is_head_direction": True},
    ),
    **{
        f"gardner_r1_module{k}": PublicRecording(
            **_GARDNER, choices={"activity": f"spikes_mod{k}", "bin_size": 0.05, "interval": _OPEN_FIELD}
        )
        for k in (1, 2, 3)
    },
}  # fmt: skip
