"""The tutorials run from top to bottom, come out right, and are stored as a reader should find them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="tutorials are run by nbclient: install neuromanifold[test]")
nbclient = pytest.importorskip("nbclient", reason="tutorials are run by nbclient: install neuromanifold[test]")

ROOT = Path(__file__).parents[1]
# Each tutorial with settings that make it quick; they replace its cell tagged "parameters".
SHORT = {
    "01_recording_to_report": {"minutes": 4, "n_shuffles": 19, "n_bootstrap": 5},
    "02_ring_or_torus": {
        "n_times": 2000,
        "n_shuffles": 19,
        "n_landmarks": 150,
        "n_landmarks_2": 100,
        "unit_counts": [10],
    },
    "03_curvature_with_error_bars": {"minutes": 3, "n_units": 50, "n_bootstrap": 5},
    "04_grid_cell_torus": {
        "n_times": 6000,
        "n_shuffles": 19,
        "n_landmarks": 150,
        "n_landmarks_2": 120,
        "unit_counts": [10],
    },
    "05_feature_maps": {"n_networks": 10, "n_pairs": 10, "n_epochs": 60},
    "06_geometric_autoencoders": {"max_steps": 1000, "n_sheet": 200, "n_samples": 400},
    "07_brain_beside_network": {"minutes": 6, "n_shuffles": 19, "n_bootstrap": 5, "n_epochs": 25, "n_seeds": 1},
    "08_many_sessions_on_a_cluster": {
        "n_sessions": 1,
        "n_times": 600,
        "n_shuffles": 19,
        "n_bootstrap": 4,
        "n_long": 20_000,
    },
}
# The report that a tutorial writes.
REPORTS = {"01_recording_to_report": "head_direction.html", "07_brain_beside_network": "beside.html"}


def notebook(name: str):
    return nbformat.read(ROOT / "tutorials" / f"{name}.ipynb", as_version=4)


def parameters(cells: list):
    return next(cell for cell in cells if "parameters" in cell.metadata.get("tags", []))


def text_cells(text: str) -> list[tuple[str, str]]:
    """Kind and text of each cell of a Markdown file whose fenced blocks are its code."""
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    pieces = re.split(r"^```python.*\n((?:.*\n)*?)```$", body, flags=re.MULTILINE)
    kinds = ["markdown", "code"] * len(pieces)
    return [(kind, piece.strip()) for kind, piece in zip(kinds, pieces, strict=False) if piece.strip()]


def test_every_tutorial_is_tested():
    assert {path.stem for path in (ROOT / "tutorials").glob("*.ipynb")} == set(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_notebook_and_its_text_are_the_same(name):
    """The Markdown is what is edited; ``jupytext --to ipynb tutorials/NAME.md`` makes the notebook of it."""
    stored = [(cell.cell_type, cell.source) for cell in notebook(name).cells]
    assert stored == text_cells((ROOT / "tutorials" / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SHORT)
def test_notebook_is_stored_without_outputs(name):
    code = [cell for cell in notebook(name).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("name", SHORT)
def test_short_settings_are_settings_of_the_notebook(name):
    assert set(re.findall(r"^(\w+) =", parameters(notebook(name).cells).source, re.MULTILINE)) == set(SHORT[name])


@pytest.mark.parametrize("name", SHORT)
def test_notebook_runs_and_its_check_passes(name, tmp_path):
    tutorial = notebook(name)
    parameters(tutorial.cells).source = "\n".join(f"{key} = {value}" for key, value in SHORT[name].items())
    client = nbclient.NotebookClient(tutorial, timeout=120, kernel_name="python3")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client.execute(cwd=str(tmp_path), env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": paths})
    printed = "".join(output.get("text", "") for output in tutorial.cells[-1].outputs)
    assert "CHECK: passed" in printed, printed
    if name in REPORTS:
        assert (tmp_path / REPORTS[name]).read_text(encoding="utf-8").rstrip().endswith("</html>")
