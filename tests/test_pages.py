"""The pages of the documentation: their code runs, and they name what there is.

A block of code runs in the order of its page, in an empty folder that holds ``session.npz``. One that needs more is
marked by a comment above it, ``<!-- needs … -->``, and is only compiled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from neuromanifold import geometry
from neuromanifold.data.readers import READERS
from neuromanifold.models.regularizers import REGULARIZERS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
BLOCK = re.compile(r"^(<!-- needs [^\n]*-->\n)?```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_CODE = sorted(name for name, text in PAGES.items() if BLOCK.search(text))


def geometry_page(names: dict) -> None:
    local = names["local"]
    assert isinstance(local, geometry.LocalGeometry)
    torch.testing.assert_close(local.mean_curvature_norm, torch.full((2,), 0.5, dtype=torch.float64))
    torch.testing.assert_close(local.log_volume.exp(), torch.full((2,), 4.0, dtype=torch.float64))


def conventions_page(names: dict) -> None:
    sphere, u = names["sphere"], names["u"]
    found = [geometry.mean_curvature_norm(sphere, u), geometry.scalar_curvature(sphere, u)]
    torch.testing.assert_close(torch.cat(found), torch.full((2,), 0.5, dtype=torch.float64))
    torch.testing.assert_close(geometry.log_volume(sphere, u).exp(), torch.tensor([4.0], dtype=torch.float64))


def recordings_page(names: dict) -> None:
    assert names["rec"].sizes["unit"] == 8
    assert names["rec"]["heading"].attrs["kind"] == "circular"


def settings_page(names: dict) -> None:
    assert names["topology"].template_ == "circle"


def extending_page(names: dict) -> None:
    path = Path("session.counts")
    path.write_text("0 1 2\n3 4 5\n")
    (entry,) = names["read_counts"](path)
    assert entry.read().tolist() == [[0, 1, 2], [3, 4, 5]]


def report_page(names: dict) -> None:
    assert Path("result.nc").stat().st_size > 0
    assert "variation" in names["a"].details


# What the code of a page should have come to.
OUTCOMES: dict[str, Callable[[dict], None]] = {
    "conventions": conventions_page,
    "extending": extending_page,
    "geometry": geometry_page,
    "recordings": recordings_page,
    "report": report_page,
    "settings": settings_page,
}


@pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")
@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": name}
    for marker, code in BLOCK.findall(PAGES[name]):
        program = compile(code, f"{name}.md", "exec")
        if not marker:
            exec(program, names)
    if name in OUTCOMES:
        OUTCOMES[name](names)


def test_links_between_pages_lead_somewhere():
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|png|ipynb))\)", text):
            assert (DOCS / target).exists() or (DOCS.parent / target).exists(), f"{name}.md links to {target}"


def test_functions_on_the_page_of_geometry_exist():
    functions = {cell for row in re.findall(r"^\|.*\|$", PAGES["geometry"], re.M) for cell in row.split("|")[4:5]}
    names = {word for cell in functions for word in re.findall(r"`(\w{4,})`", cell)}
    assert len(names) > 15
    assert all(hasattr(geometry, name) for name in names)


def test_every_formula_that_is_exported_is_on_the_page_of_geometry():
    functions = {name for name in geometry.__all__ if name.islower()}
    # Derivatives as such, and parts of `totals` and `distortion`, are left to their docstrings.
    functions -= {"taylor", "jacobian", "hessian", "volume", "dimensionless", "gauss_bonnet_residual"}
    functions -= {name for name in functions if name.endswith("_distortion")}
    assert all(re.search(rf"\b{name}\b", PAGES["geometry"]) for name in functions)


def test_the_page_of_recordings_names_every_format():
    for suffixes, _ in READERS:
        assert any(f"`{suffix}`" in PAGES["recordings"] for suffix in suffixes), suffixes


def test_the_page_of_autoencoders_names_every_regulariser():
    for kind in REGULARIZERS:
        assert f"`{kind.__name__}" in PAGES["autoencoders"], kind.__name__
