"""Images as one Dataset: ``image (sample, row, column, channel)`` in [0, 1], ``label`` and ``part`` along sample.

``part`` is "train" or "test" where the source says so, else "all".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["dataset", "to_tensors"]

_WHITE = 255
_CHANNELS = (1, 3)


def dataset(
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    part: Sequence[str] | str,
    source: str,
    classes: Sequence[str] = (),
) -> xr.Dataset:
    """A checked Dataset of images.

    Parameters
    ----------
    images : array (n, rows, columns) or (n, rows, columns, 1 or 3)
        Bytes, or numbers in [0, 1].
    labels : array of int (n,)
        Classes from 0.
    part : str or sequence of str (n,)
        "train", "test" or "all".
    source : str
        Where they come from.
    classes : sequence of str, optional
        Names of the classes; their numbers otherwise.

    Raises
    ------
    InputError
        If the arrays are not images and their classes.
    """
    values = _checked_images(np.asarray(images))
    kept = _checked_labels(np.asarray(labels), len(values))
    names = list(classes) or [str(c) for c in range(int(kept.max()) + 1)]
    parts = np.full(len(values), part) if isinstance(part, str) else np.asarray(part)
    return xr.Dataset(
        {
            "image": (("sample", "row", "column", "channel"), values, {"long_name": "brightness", "units": "1"}),
            "label": ("sample", kept, {"long_name": "class", "kind": "categorical"}),
        },
        coords={"part": ("sample", parts)},
        attrs={"source": source, "classes": names},
    )


def to_tensors(images: xr.Dataset, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Images as networks take them ``(n, channel, row, column)``, and their labels ``(n,)``."""
    pixels = images["image"].transpose("sample", "channel", "row", "column").to_numpy()
    return torch.tensor(pixels, dtype=dtype), torch.tensor(images["label"].to_numpy(), dtype=torch.int64)


def _checked_images(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in _CHANNELS or 0 in images.shape:
        raise InputError(
            f"images are an array (n, rows, columns) or (n, rows, columns, 1 or 3); got shape {images.shape}"
        )
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(_WHITE)
    values = images.astype(np.float32)
    if images.dtype.kind != "f" or not ((values >= 0) & (values <= 1)).all():
        raise InputError(
            "images are bytes (uint8), or floating-point numbers in [0, 1]; "
            f"got {images.dtype} from {images.min()} to {images.max()}"
        )
    return values


def _checked_labels(labels: npt.NDArray[Any], n_images: int) -> npt.NDArray[np.int64]:
    if labels.shape != (n_images,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InputError(
            f"labels are {n_images} whole numbers from 0, one an image; got {labels.dtype} of shape {labels.shape}"
        )
    return labels.astype(np.int64)
