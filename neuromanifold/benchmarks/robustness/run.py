"""The table's counts by entry point: cases tried, refused well, handled as documented, failed."""

from __future__ import annotations

import pandas as pd

from neuromanifold.benchmarks.robustness.outcome import FAILED, HANDLED, REFUSED
from neuromanifold.benchmarks.robustness.table import CASES, tried
from neuromanifold.benchmarks.rows import CachedRows, Key

__all__ = ["run"]


def run(*, n_jobs: int | None = 1, fresh: bool = False, verbose: bool = True) -> pd.DataFrame:
    """Try every case.

    Parameters
    ----------
    n_jobs : int, optional
        Cases at once, as in joblib.
    fresh : bool
        Try again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per entry point and one of all: ``cases``, ``refused``, ``handled``, ``failed``, and, where there are
        any, ``failures``: the faults that it fails, each with the reason.
    """
    keys: list[Key] = [{"entry": entry, "fault": fault} for entry, fault in CASES]
    rows = CachedRows("robustness", fresh=fresh).rows(keys, figures, n_jobs=n_jobs)
    table = _summary(pd.DataFrame(rows))
    if verbose:
        print(table.to_string(index=False))
    return table


def figures(key: Key) -> dict[str, str]:
    """What becomes of one case, and why it counts so."""
    found = tried(str(key["entry"]), str(key["fault"]))
    return {"verdict": found.verdict, "why": found.why}


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    counts = {name: rows["verdict"] == name for name in (REFUSED, HANDLED, FAILED)}
    told = (rows["fault"] + ": " + rows["why"]).where(counts[FAILED], "")
    entries = rows[["entry"]].assign(cases=1, **counts, failures=told).groupby("entry", sort=False)
    table = entries[["cases", *counts]].sum()
    table.loc["all"] = table.sum()
    if counts[FAILED].any():
        table["failures"] = entries["failures"].apply(_joined).reindex(table.index, fill_value="")
    return table.reset_index()


def _joined(texts: pd.Series) -> str:
    return "; ".join(filter(None, texts))
