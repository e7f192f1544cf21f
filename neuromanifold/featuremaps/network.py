"""A layer of a network as a feature map of the network's input: ``x -> h(x)``, the output of a submodule, flattened.

The network is evaluated in evaluation mode (stored moments in batch normalisation, no dropout), and left as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from neuromanifold import geometry
from neuromanifold._errors import InputError
from neuromanifold._settings import check_choice, check_whole
from neuromanifold.featuremaps.base import FeatureMap, as_inputs, gauss_curvature
from neuromanifold.featuremaps.codomain import OnSphere
from neuromanifold.featuremaps.jacobians import Plan, full_jacobian, plan
from neuromanifold.featuremaps.smoothness import check_smooth
from neuromanifold.featuremaps.submodule import Submodule

__all__ = ["Layer", "layer"]

MEMORY_BYTES = 1 << 29


def layer(
    module: nn.Module,
    name: str | None = None,
    *,
    codomain: Literal["flat", "sphere"] = "flat",
    memory: int = MEMORY_BYTES,
    verbose: bool = False,
) -> FeatureMap:
    """The output of a submodule as a feature map of the module's input.

    Parameters
    ----------
    module : nn.Module
        Any module that takes a batch of inputs ``(b, *shape)``.
    name : str, optional
        Name of the submodule, as in ``module.named_modules()``; by default the output of the module itself.
    codomain : {"flat", "sphere"}
        "sphere" normalises the output to unit length, so that the metric is that of the sphere (SimCLR).
    memory : int
        Bytes that the derivatives inside the network may take.
    verbose : bool
        Show the progress of long work.

    Returns
    -------
    FeatureMap

    Raises
    ------
    InputError
        If there is no such submodule; the names that there are come with it.
    """
    check_choice("codomain", codomain, ("flat", "sphere"))
    check_whole("memory", memory, 1)
    if name is not None and not isinstance(name, str):
        raise InputError(f"name must be that of a layer, or None for the output of the module; got {name!r}")
    phi = Layer(Submodule(module, name), memory=memory, verbose=verbose)
    return OnSphere(phi) if codomain == "sphere" else phi


class Layer(FeatureMap):
    """The outputs of a layer and their derivatives, in the network's own precision."""

    def __init__(self, submodule: Submodule, *, memory: int, verbose: bool) -> None:
        self.submodule, self.memory, self.verbose = submodule, memory, verbose

    def __repr__(self) -> str:
        return f"Layer({self.submodule!r})"

    @property
    def eps(self) -> float:
        return torch.finfo(self.submodule.dtype).eps

    def outputs(self, x: Tensor) -> Tensor:
        return self.submodule(x)

    def derivatives(self, x: Tensor, directions: Tensor | None = None) -> Tensor:
        h, u = self._flattened(x)
        if directions is None:
            return full_jacobian(h, u, plan(h, u, self.memory), verbose=self.verbose)
        along = directions.to(u).flatten(1).mT.expand(len(u), -1, -1)
        return geometry.jacobian(h, u, directions=along, memory=self.memory, dtype=u.dtype)

    def image_curvature(self, x: Tensor) -> Tensor:
        check_smooth(self.outputs, x[:1])
        return gauss_curvature(self, x)

    def plan(self, x: Any) -> Plan:
        """How the Jacobians at inputs ``(b, *shape)`` are computed: by rows or columns, how many at a time, and the
        predicted peak of memory.
        """
        return plan(*self._flattened(as_inputs(x)[0]), self.memory)

    def _flattened(self, x: Tensor) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """The layer as a function of flat inputs, and those, in the network's precision."""
        shape = x.shape[1:]
        return lambda u: self.outputs(u.reshape(-1, *shape)), x.flatten(1).to(self.submodule.dtype)
