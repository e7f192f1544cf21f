"""The benchmark of scale runs at a small size, and the memory of a fit does not grow faster than the recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuromanifold.benchmarks import scale


def test_rows_have_costs_and_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = scale.run((150, 300), n_units=5, verbose=False)
    assert table["coordinates"].tolist() == ["given", "given", "not given", "not given"]
    assert (table[["seconds", "cpu_seconds", "peak_gb"]] > 0).all(axis=None)
    assert np.isfinite(table["exponent"]).tolist() == [False, True, False, True]
    assert (tmp_path / ".benchmarks" / "scale.json").exists()
