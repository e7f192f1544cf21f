"""Shared by all tests: one thread a process (two test processes share two cores), and the real recordings."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)
SHARED = Path(os.environ.get("NEUROMANIFOLD_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data():
    """Folder of a real recording by name; skips the test where it is missing."""

    def find(name: str) -> Path:
        folder = SHARED / name
        if not folder.is_dir():
            pytest.skip(f"the recording {name!r} is not on this machine (NEUROMANIFOLD_SHARED_DATA)")
        return folder

    return find
