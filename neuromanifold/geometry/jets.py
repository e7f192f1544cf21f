"""A jet: the Taylor expansion of a tensor along k directions, as one stack of streams.

``x(t) = x + Σ_i t_i x_i + ½ Σ_ij t_i t_j x_ij`` is kept as the value, k first derivatives and, for order
2, the k(k+1)/2 second derivatives with i ≤ j. A linear layer acts on the whole stack in one
multiplication and an activation is evaluated once, so value, Jacobian and Hessian together cost little
more than 1 + k + k(k+1)/2 forward passes.

A jet stands in for a tensor: every torch function called on one is replaced by its rule
(:mod:`neuromanifold.geometry.rules`). A function without a rule is differentiated on its own by nested
forward mode, while its neighbours keep the streams together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import NotSmoothError
from neuromanifold.geometry.rules import Call, Expansion, NoRuleError, find_rule
from neuromanifold.geometry.smooth import NOT_SMOOTH

__all__ = ["Jet"]

_VALUE_ATTRIBUTES = frozenset(
    ["shape", "ndim", "dtype", "device", "layout", "is_cuda", "is_sparse", "is_meta", "names", "itemsize"]
)
_OPERATORS = (
    *("add", "sub", "mul", "truediv", "pow", "matmul", "mod", "floordiv", "getitem"),
    *("neg", "pos", "abs", "eq", "ne", "lt", "le", "gt", "ge"),
)
_REVERSED: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "truediv": torch.true_divide,
    "pow": torch.pow,
    "matmul": torch.matmul,
}


class Jet(Expansion):
    """Streams in the clothes of a tensor: shape, operators, methods and torch functions of one."""

    __hash__ = object.__hash__

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return _apply(function, args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        if name in _VALUE_ATTRIBUTES:
            return getattr(self._streams[0], name)
        if name in ("T", "mT"):
            return type(self)(torch.vmap(lambda x: getattr(x, name))(self._streams), self._k, self._order)
        method = getattr(Tensor, name, None)
        if name.startswith("_") or not callable(method):
            raise AttributeError(f"a jet has no attribute {name!r}")
        return lambda *args, **kwargs: _apply(method, (self, *args), kwargs)

    def __len__(self) -> int:
        return len(self._streams[0])

    def __iter__(self) -> Iterator[Any]:
        return iter(_apply(torch.unbind, (self,), {}))

    def __bool__(self) -> bool:
        raise NoRuleError("a jet has no truth value")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NoRuleError("a jet is not an array")


def _operator(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args: _apply(function, (self, *args), {})


def _reversed_operator(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: _apply(function, (other, self), {})


def _refused(self: Jet, *args: Any) -> Any:
    raise NoRuleError("a jet is not changed in place")


for _name in _OPERATORS:
    setattr(Jet, f"__{_name}__", _operator(getattr(Tensor, f"__{_name}__")))
for _name, _function in _REVERSED.items():
    setattr(Jet, f"__r{_name}__", _reversed_operator(_function))
    setattr(Jet, f"__i{_name}__", _refused)


def _apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``function(*args, **kwargs)``, some arguments being jets."""
    given = getattr(function, "__name__", "")
    call = Call(function, given.strip("_"), args, kwargs)
    if call.name in NOT_SMOOTH and call.expansions[0]._order == 2:
        raise NotSmoothError(
            f"{call.name} is not twice continuously differentiable, so no curvature exists through it; use a "
            "smooth activation (Softplus, Tanh, SiLU, GELU), or first-order quantities"
        )
    in_place = given.endswith("_") and not given.endswith("__")
    if in_place or kwargs.get("inplace") or kwargs.get("out") is not None:
        raise NoRuleError(f"{given} changes a tensor in place")
    return find_rule(call)(call)
