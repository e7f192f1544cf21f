"""Work spread over joblib's workers: one place that starts them, and tells in words of one that has died.

Each worker gets its share of the cores for its own threads (joblib sees to that), so workers × threads stay within the
machine. What runs where is joblib's: ``joblib.parallel_config(backend="dask")`` moves it to a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy.typing as npt
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from neuromanifold._errors import WorkerError
from neuromanifold.progress import Progress, State

__all__ = ["BATCH", "batches", "spread"]

T = TypeVar("T")
# Draws between two looks at whether more are needed, and between two writes of those that are finished.
BATCH = 10
_DIED = (
    "a worker process died, most often because the memory ran out: try fewer at once (n_jobs, --jobs; here {n_jobs}) "
    "or n_jobs=1, or a smaller recording (fewer units, wider bins)"
)


def spread(jobs: Iterable[Any], n_jobs: int | None = None, **options: Any) -> Iterator[Any]:
    """Results of ``joblib.delayed`` calls, in their order and as they come; ``options`` of :class:`joblib.Parallel`.

    Raises
    ------
    WorkerError
        If a worker has died.
    """
    with _deaths_told(n_jobs):
        yield from Parallel(**{"n_jobs": n_jobs, "return_as": "generator", **options})(jobs)


def batches(
    function: Callable[[int], npt.NDArray[Any]],
    seeds: Sequence[int],
    progress: Progress,
    *,
    n_jobs: int | None = None,
    label: str = "",
    verbose: bool = False,
) -> Iterator[list[npt.NDArray[Any]]]:
    """``function`` of each seed, ``BATCH`` at a time: what an earlier run has finished is read from its progress.

    The numbers depend neither on ``n_jobs`` nor on where a run was cut. Whoever needs no more stops asking.
    """
    bar = tqdm(total=len(seeds), desc=label, disable=not verbose, leave=False)
    with bar, _deaths_told(n_jobs), Parallel(n_jobs=n_jobs) as parallel:
        # What is bound to a function would travel to a cluster with every call; arguments go there once.
        bare, bound = (function.func, function.args) if isinstance(function, partial) else (function, ())

        def computed(batch: Sequence[int]) -> list[npt.NDArray[Any]]:
            return list(parallel(delayed(bare)(*bound, seed) for seed in batch))

        for start in range(0, len(seeds), BATCH):
            batch = seeds[start : start + BATCH]
            yield progress.stage(str(start), partial(computed, batch), _state, _arrays)
            bar.update(len(batch))


def _state(arrays: list[npt.NDArray[Any]]) -> State:
    return {"n": len(arrays)}, {str(number): torch.as_tensor(array) for number, array in enumerate(arrays)}


def _arrays(state: State) -> list[npt.NDArray[Any]]:
    values, tensors = state
    return [tensors[str(number)].numpy() for number in range(values["n"])]


@contextmanager
def _deaths_told(n_jobs: int | None) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerError(_DIED.format(n_jobs=n_jobs)) from error
