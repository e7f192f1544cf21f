"""Rows of a benchmark are computed once, kept as they come, and forgotten with the version that made them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuromanifold.benchmarks.rows import CachedRows


def test_rows_are_computed_once_and_resumed(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute() -> dict[str, float]:
        calls.append(1)
        return {"error": 0.5}

    key = {"shape": "circle", "seed": 0}
    assert CachedRows("a", tmp_path).row(key, compute) == {**key, "error": 0.5}
    again = CachedRows("a", tmp_path)
    assert key in again
    assert again.row(dict(reversed(key.items())), compute)["error"] == 0.5
    assert len(calls) == 1
    CachedRows("a", tmp_path, fresh=True).row(key, compute)
    assert len(calls) == 2


def test_a_row_that_fails_leaves_the_others(tmp_path: Path) -> None:
    rows = CachedRows("a", tmp_path)
    rows.row({"seed": 0}, lambda: {"error": 1.0})
    with pytest.raises(ZeroDivisionError):
        rows.row({"seed": 1}, lambda: {"error": 1 / 0})
    assert {"seed": 0} in CachedRows("a", tmp_path)
    assert {"seed": 1} not in CachedRows("a", tmp_path)


def test_two_runs_in_one_folder_keep_the_rows_of_both(tmp_path: Path) -> None:
    one, other = CachedRows("a", tmp_path), CachedRows("a", tmp_path)
    one.row({"seed": 0}, lambda: {"error": 1.0})
    other.row({"seed": 1}, lambda: {"error": 2.0})
    assert all({"seed": seed} in CachedRows("a", tmp_path) for seed in (0, 1))


@pytest.mark.parametrize("content", ["", "[1]", json.dumps({"version": "0", "rows": {'{"seed": 0}': {"error": 1}}})])
def test_files_of_other_versions_or_kinds_count_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert {"seed": 0} not in CachedRows("a", tmp_path)
