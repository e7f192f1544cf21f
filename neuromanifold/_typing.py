"""The alphabet of shapes and the types that public signatures share.

Shapes in docstrings use these letters, package-wide:

====== =========================================================
letter meaning
====== =========================================================
n      samples (rows: time bins, images, points)
d      ambient dimension: units of a recording, outputs of a map
k      intrinsic dimension of a template
m      dimension of the space a template is embedded in
p      number of basis functions (harmonics)
====== =========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ArrayLike: TypeAlias = npt.ArrayLike
# scikit-learn's contract: None is fresh entropy, an int a seed, and the rest are generators used as they are.
RandomState: TypeAlias = int | np.integer[Any] | np.random.RandomState | np.random.Generator | None
# One point (k,) -> (d,), or a batch (n, k) -> (n, d), of torch tensors.
Map: TypeAlias = Callable[[Any], Any]
