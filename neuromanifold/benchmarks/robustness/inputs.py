"""Bad arrays: activity, labels, intervals, time stamps and names that no analysis can use as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from neuromanifold.benchmarks.robustness.given import N_TIMES, N_UNITS, PERIOD, Fault, Given

__all__ = ["HOSTILE_NAMES", "INPUTS"]

Change = Callable[[npt.NDArray[Any]], Any]
NUMBERS = "number|numeric|dtype|float|real|complex|object|type"
SHAPE = r"shape|dim|1D|2D|\(n, d\)|two-dimensional|array"
FINITE = "NaN|infinit|finite"
FEW = r"samples?\b|rows?\b|points?\b|n_samples|feature|units?\b"


def _activity(name: str, change: Change, says: str) -> Fault:
    def spoil(given: Given) -> Given:
        changed = change(given.activity)
        rows = slice(len(changed)) if isinstance(changed, np.ndarray) and changed.ndim == 2 else slice(None)
        rest = {part: getattr(given, part)[rows] for part in ("labels", "groups", "time")}
        return replace(given, activity=changed, **rest)

    return Fault(name, "activity", spoil, says)


def _part(touches: str, name: str, change: Change, says: str) -> Fault:
    def spoil(given: Given) -> Given:
        return replace(given, **{touches: change(getattr(given, touches))})

    return Fault(f"{touches}: {name}", touches, spoil, says)


def _at(value: Any, at: Any = 7) -> Change:
    """A copy with one value, or those of an index, replaced."""

    def change(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        changed = values.astype(np.result_type(values, np.asarray(value).dtype), copy=True)
        changed[at] = value
        return changed

    return change


def _masked(values: npt.NDArray[Any]) -> Any:
    mask = np.zeros(values.shape, dtype=bool)
    mask[3] = True
    return np.ma.masked_array(values, mask)


def _counts(values: npt.NDArray[Any], dtype: str, factor: float = 1.0) -> npt.NDArray[Any]:
    scaled = np.round((values - values.min()) * 10)
    return (scaled * factor).astype(dtype)


ACTIVITY = (
    _activity("NaN", _at(np.nan, (7, 2)), FINITE),
    _activity("infinity", _at(np.inf, (7, 2)), FINITE),
    _activity("minus infinity", _at(-np.inf, (7, 2)), FINITE),
    _activity("all NaN", lambda x: np.full(x.shape, np.nan), FINITE),
    _activity("masked values", _masked, f"mask|{FINITE}"),
    _activity("no samples", lambda x: x[:0], FEW),
    _activity("one sample", lambda x: x[:1], FEW),
    _activity("two samples", lambda x: x[:2], FEW),
    _activity("no units", lambda x: x[:, :0], FEW),
    _activity("one unit", lambda x: x[:, :1], FEW),
    _activity("one dimension", lambda x: x[:, 0], SHAPE),
    _activity("three dimensions", lambda x: x[None], f"{SHAPE}|samples"),
    _activity("a number", lambda x: 3.0, SHAPE),
    _activity("nothing", lambda x: None, f"{SHAPE}|None|{NUMBERS}|give X"),
    _activity("ragged lists", lambda x: [[1.0, 2.0], [3.0]] * 40, f"{SHAPE}|{NUMBERS}|sequence|inhomogeneous"),
    _activity("objects", lambda x: np.full(x.shape, object()), NUMBERS),
    _activity("texts", lambda x: np.full(x.shape, "spike"), NUMBERS),
    _activity("complex numbers", lambda x: x + 1j, NUMBERS),
    _activity("dates", lambda x: np.full(x.shape, np.datetime64("2026-01-01")), NUMBERS),
    _activity("a sparse matrix", lambda x: sparse.csr_matrix(x), "sparse|toarray|dense"),
    _activity("a dict", lambda x: {"a": x}, f"dict|{NUMBERS}|{SHAPE}"),
    _activity("constant", np.ones_like, "constant|vary|same|zero"),
    _activity("all zero", np.zeros_like, "constant|vary|same|zero"),
    _activity("overflow", lambda x: x * 1e200, "large|overflow|scale"),
    _activity("underflow", lambda x: x * 1e-200, "small|underflow|scale|same|constant"),
    _activity("unsigned 64-bit limits", lambda x: _counts(x, "uint64", 1e18), "large|count|floating|differences"),
    _activity("int64 limits", lambda x: _counts(x, "int64", 8e17), "large|count|floating|differences"),
)

UNITS = (
    _activity("a constant unit", _at(1.0, (slice(None), 2)), "constant"),
    _activity("a silent unit", _at(0.0, (slice(None), 2)), "constant"),
    _activity("duplicate units", lambda x: x[:, [0, 0, 1, 2, 3]], "duplicate"),
    _activity("fewer samples than units", lambda x: np.tile(x[:10], (1, 6)) + np.arange(30) * x[:10, :1], FEW),
    _activity("booleans", lambda x: x > x.mean(), NUMBERS),
    _activity("small whole numbers", lambda x: _counts(x, "uint8"), NUMBERS),
)

LABELS = (
    _part("labels", "other length", lambda y: y[:-3], SHAPE),
    _part("labels", "none at all", lambda y: y[:0], SHAPE),
    _part("labels", "three columns", lambda y: np.stack([y, y, y], axis=1), SHAPE),
    _part("labels", "infinite", _at(np.inf), FINITE),
    _part("labels", "texts", lambda y: np.full(y.shape, "left"), NUMBERS),
    _part("labels", "objects", lambda y: np.full(y.shape, object()), NUMBERS),
    _part("labels", "complex numbers", lambda y: y + 1j, NUMBERS),
    _part("labels", "dates", lambda y: np.full(y.shape, np.datetime64("2026-01-01")), f"{NUMBERS}|must"),
    _part("labels", "degrees as radians", np.rad2deg, "degrees"),
    _part("labels", "masked values", lambda y: np.ma.masked_array(y, y > 3), "mask"),
    _part("labels", "unknown everywhere", lambda y: np.full(y.shape, np.nan), FINITE),
    _part("labels", "two known", lambda y: np.where(np.arange(len(y)) < 2, y, np.nan), FINITE),
    _part("labels", "one place", np.zeros_like, "label|place"),
)

GROUPS = (
    _part("groups", "other length", lambda g: g[:-3], SHAPE),
    _part("groups", "none at all", lambda g: g[:0], SHAPE),
    _part("groups", "two columns", lambda g: np.stack([g, g], axis=1), SHAPE),
    _part("groups", "NaN", _at(np.nan), f"{FINITE}|unknown"),
    _part("groups", "objects", lambda g: np.array([object() for _ in g]), f"{NUMBERS}|label|interval"),
    _part("groups", "an interval each", lambda g: np.arange(len(g)), "interval|short"),
    _part("groups", "in turn", lambda g: np.arange(len(g)) % 2, "interval|short"),
    _part("groups", "texts", lambda g: np.where(g == 0, "a", "b"), "label|interval"),
)

TIME = (
    _part("time", "other length", lambda t: t[:-3], SHAPE),
    _part("time", "two columns", lambda t: np.stack([t, t], axis=1), SHAPE),
    _part("time", "NaN", _at(np.nan), FINITE),
    _part("time", "infinite", _at(np.inf, -1), FINITE),
    _part("time", "texts", lambda t: np.full(t.shape, "noon"), NUMBERS),
    _part("time", "objects", lambda t: np.full(t.shape, object()), NUMBERS),
    _part("time", "complex numbers", lambda t: t + 1j, NUMBERS),
    _part("time", "unsorted", lambda t: t[::-1], "increase"),
    _part("time", "duplicate", lambda t: np.where(np.arange(len(t)) == 5, t[4], t), "duplicate|increase"),
    _part("time", "all the same", np.zeros_like, "increase"),
    _part("time", "backwards and unsigned", lambda t: np.arange(len(t), dtype=np.uint8)[::-1], "increase"),
    _part("time", "another unit", lambda t: t * 1000, "sampling_period|apart"),
    _part("time", "a gap", lambda t: np.where(np.arange(len(t)) > 50, t + 10, t), "gap"),
    _part("sampling_period", "zero", lambda _: 0.0, "positive"),
    _part("sampling_period", "negative", lambda _: -PERIOD, "positive"),
    _part("sampling_period", "NaN", lambda _: np.nan, f"positive|{FINITE}"),
    _part("sampling_period", "infinite", lambda _: np.inf, f"positive|{FINITE}"),
    _part("sampling_period", "text", lambda _: "fast", NUMBERS),
    _part("sampling_period", "a list", lambda _: [PERIOD, PERIOD], NUMBERS),
)

HOSTILE_NAMES = ["<script>alert(1)</script>", "../../x", "\x1b[2J\u202e", "a\nb", "=1+1"]
NAMES = (
    _part("names", "repeated", lambda _: ["u"] * N_UNITS, "unique|repeated"),
    _part("names", "hostile", lambda _: HOSTILE_NAMES, "name"),
    _part("attrs", "unknown kind", lambda _: {"kind": "spikes", "units": "a.u."}, "kind"),
    _part("attrs", "kind is no text", lambda _: {"kind": ["counts"], "units": "a.u."}, "kind"),
    _part("attrs", "negative counts", lambda _: {"kind": "counts", "units": "spikes/bin"}, "negative|whole"),
    _part("attrs", "negative rates", lambda _: {"kind": "rate", "units": "Hz"}, "negative"),
)

INPUTS = (*ACTIVITY, *UNITS, *LABELS, *GROUPS, *TIME, *NAMES)
assert N_TIMES > 50, "the gap is at sample 50"
