"""The page on the geometry says what is there, and its example gives what it says."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from neuromanifold import geometry

PAGE = (Path(__file__).parent.parent / "docs" / "geometry.md").read_text(encoding="utf-8")


def test_example() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, object] = {}
    exec(code, names)
    local = names["local"]
    assert isinstance(local, geometry.LocalGeometry)
    torch.testing.assert_close(local.mean_curvature_norm, torch.full((2,), 0.5, dtype=torch.float64))
    torch.testing.assert_close(local.log_volume.exp(), torch.full((2,), 4.0, dtype=torch.float64))


def test_functions_on_the_page_exist() -> None:
    functions = {cell for row in re.findall(r"^\|.*\|$", PAGE, re.M) for cell in row.split("|")[4:5]}
    names = {word for cell in functions for word in re.findall(r"`(\w{4,})`", cell)}
    assert len(names) > 15
    assert all(hasattr(geometry, name) for name in names)


def test_every_formula_that_is_exported_is_on_the_page() -> None:
    functions = {name for name in geometry.__all__ if name.islower()}
    # Derivatives as such, and parts of `totals` and `distortion`, are left to their docstrings.
    functions -= {"taylor", "jacobian", "hessian", "volume", "dimensionless", "gauss_bonnet_residual"}
    functions -= {name for name in functions if name.endswith("_distortion")}
    assert all(re.search(rf"\b{name}\b", PAGE) for name in functions)
