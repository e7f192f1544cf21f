"""Whether a network has second derivatives, judged by the operations that one forward pass runs.

Activations with a kink and maxima are found whether they are modules, functions or methods, in place or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neuromanifold._errors import NotSmoothError

__all__ = ["check_smooth"]

# Operations of torch's dispatcher; the in-place ones end in an underscore.
_KINKED = (
    *("relu", "leaky_relu", "elu", "celu", "selu", "prelu", "_prelu_kernel", "rrelu_with_noise"),
    *("hardtanh", "relu6", "hardswish", "hardsigmoid", "hardshrink", "softshrink", "threshold"),
    *("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d"),
    *("mkldnn_max_pool2d", "quantized_max_pool2d", "maximum", "minimum", "amax", "amin"),
)


class _Operations(TorchDispatchMode):
    """Records the names of the operations that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def check_smooth(h: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Refuse a function that runs an operation without second derivatives at ``x``.

    Raises
    ------
    NotSmoothError
        Naming the operations.
    """
    with torch.no_grad(), _Operations() as operations:
        h(x)
    found = sorted(name for name in _KINKED if {name, f"{name}_"} & operations.names)
    if found:
        raise NotSmoothError(
            f"the network runs {', '.join(found)}, which is not twice continuously differentiable: the second "
            "derivatives of a ReLU network vanish almost everywhere and do not exist at the kinks, so its scalar "
            "curvature says nothing; use a smooth activation (GELU, SiLU, Tanh, Softplus), or look at log_volume, "
            "metric and spectrum, which exist almost everywhere"
        )
