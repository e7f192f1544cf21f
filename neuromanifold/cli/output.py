"""Output: the folder that a command writes, each file whole or absent.

A run writes only files of its own names, and takes away those of an earlier run that it does not replace, so
that a folder never holds the model or a figure of one run beside the verdict of another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._lock import locked

__all__ = [
    "FIGURES",
    "folder_of_run",
    "writable_folder",
    "write_analysis",
    "write_beside",
    "write_comparison",
    "write_findings",
    "write_study",
    "write_table",
    "write_topology",
]

_DPI = 200
# Folder of what an unfinished run has finished, in that of its results.
PROGRESS = ".progress"
NAMES = ("report.html", "result.nc", "model.npz", "network_model.npz", "bars.nc")
# Names of the figures that a report may have, to know those of an earlier run.
_OF_ONE = (
    "mean_curvature_norm",
    "scalar_curvature",
    "curvature_against_variable",
    "conditions",
    "latent_against_variable",
    "latent_0_against_variable",
    "latent_1_against_variable",
    "manifold",
    "barcodes",
    "diagrams",
    "loops",
    "tuning",
)
_OF_BOTH = ("beside_dimensionless_mean_curvature", "beside_log_volume")
# Patterns: a difference is called by its groups.
_OF_STUDY = ("pooled_profile", "sessions", "difference_*")
FIGURES = (*_OF_ONE, *_OF_BOTH, *(f"network_{name}" for name in _OF_ONE))


def writable_folder(folder: Path, source: Path | None = None) -> Path:
    """Make a folder and see that it can be written, before minutes are spent on what goes there.

    Raises
    ------
    FileFormatError
        If it cannot be made or written.
    InputError
        If results would replace the file ``source`` they are made from.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormatError(f"cannot write to the folder {folder}: {reason}; choose another with --out") from error
    if source is not None and source.resolve() in [(folder / name).resolve() for name in NAMES]:
        raise InputError(f"results in {folder} would replace {source}: choose another folder with --out")
    return folder


@contextmanager
def folder_of_run(folder: Path, source: Path | None = None) -> Iterator[Path]:
    """A writable folder that is this run's alone; what the run has finished is kept in it until it ends.

    Raises
    ------
    FileFormatError, InputError
        As of :func:`writable_folder`, and if another run is writing there.
    """
    with locked(writable_folder(folder, source)), nm.checkpoints(folder / PROGRESS):
        yield folder


def write_analysis(analysis: Any, folder: Path, title: str) -> dict[str, str]:
    """Report, numbers, model and figures of an analysis; their paths by name."""
    return _written(analysis, folder, title, {"model": analysis.model})


def write_comparison(comparison: Any, folder: Path, title: str) -> dict[str, str]:
    """The same of a recording beside a network, with the models of both."""
    models = {"model": comparison.recording.model, "network_model": comparison.network.model}
    return _written(comparison, folder, title, models)


def _written(result: Any, folder: Path, title: str, models: Mapping[str, Any]) -> dict[str, str]:
    """Whatever has a report, numbers and figures; models that are None are left out."""
    files = {"report": folder / "report.html", "result": folder / "result.nc"}
    result.to_html(files["report"], title)
    result.to_netcdf(files["result"])
    for name, model in models.items():
        if model is not None:
            files[name] = folder / f"{name}.npz"
            model.save(files[name])
    for name, figure in result.figures().items():
        files[name] = _saved(figure, _figure_path(folder, name))
    ours = {folder / name for name in NAMES[2:4]} | {_figure_path(folder, name) for name in FIGURES}
    for stale in ours - set(files.values()):
        stale.unlink(missing_ok=True)
    return {name: str(path) for name, path in files.items()}


def write_topology(topology: Any, folder: Path) -> dict[str, str]:
    """Barcodes, diagrams and loops of a topology as figures, and the bars as numbers; their paths by name."""
    figures = {
        "barcodes": nm.report.figures.barcodes(topology.bars_)[0],
        "diagrams": nm.report.figures.diagrams(topology.bars_)[0],
        "loops": nm.report.figures.loops(topology.loops_),
    }
    files = {name: _saved(ax.get_figure(), _figure_path(folder, name)) for name, ax in figures.items()}
    files["bars"] = folder / "bars.nc"
    nm.storage.write_netcdf(files["bars"], topology.bars_)
    return {name: str(path) for name, path in files.items()}


def write_beside(beside: Any, folder: Path) -> dict[str, str]:
    """Two profiles side by side, as numbers and as figures; their paths by name."""
    files = {"beside": folder / "beside.nc"}
    nm.storage.write_netcdf(files["beside"], beside)
    for name in _OF_BOTH:
        axes = nm.report.figures.curvature_beside(beside, name.removeprefix("beside_"))
        files[name] = _saved(axes.get_figure(), _figure_path(folder, name))
    return {name: str(path) for name, path in files.items()}


def write_study(study: Any, folder: Path, title: str) -> dict[str, str]:
    """One report, table, numbers and figures of many sessions; their paths by name."""
    files = {"report": folder / "report.html", "table": folder / "sessions.csv", "numbers": folder / "study.nc"}
    study.to_html(files["report"], title)
    nm.storage.write_text(files["table"], study.table.to_csv())
    study.to_netcdf(files["numbers"])
    for name, figure in study.figures().items():
        files[name] = _saved(figure, _figure_path(folder, name))
    for stale in {path for name in _OF_STUDY for path in folder.glob(f"figures/{name}.png")} - set(files.values()):
        stale.unlink()
    return {name: str(path) for name, path in files.items()}


def write_table(table: Any, folder: Path, name: str) -> dict[str, str]:
    """The table of a benchmark as numbers and, where it has ratios to a reference, as a figure; paths by name."""
    numbers = folder / f"{name}.csv"
    with nm.storage.atomic_path(numbers) as temporary:
        table.to_csv(temporary, index=False)
    files = {"table": str(numbers)}
    figure = _table_figure(table)
    if figure is not None:
        files["figure"] = str(_saved(figure, _figure_path(folder, name)))
    return files


def _table_figure(table: Any) -> Any:
    """The figure of a table by its columns: errors over a reference's, or autoencoders over the plain one."""
    if {"shape", "ratio"} <= set(table.columns):
        return nm.report.figures.ratios(table).get_figure()
    if {"method", "error_ratio"} <= set(table.columns):
        return nm.report.figures.autoencoders(table)
    return None


def write_findings(findings: Any, folder: Path) -> dict[str, str]:
    """Table, numbers and figures of an experiment; their paths by name."""
    files = {"table": folder / "statements.csv", "numbers": folder / "findings.nc"}
    nm.storage.write_text(files["table"], findings.table.to_csv())
    nm.storage.write_netcdf(files["numbers"], findings.datasets())
    for name, figure in nm.report.finding_figures(findings.groups).items():
        files[name] = _saved(figure, _figure_path(folder, name))
    return {name: str(path) for name, path in files.items()}


def _figure_path(folder: Path, name: str) -> Path:
    return folder / "figures" / f"{name}.png"


def _saved(figure: Any, path: Path) -> Path:
    with nm.storage.atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})
    return path
