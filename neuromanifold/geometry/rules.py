"""How torch functions act on Taylor expansions: one rule per kind of function.

With ``x -> (x, x_i, x_ij)`` the streams of value, first and second derivatives:

- linear ``L``: ``L x, L x_i, L x_ij`` (affine: the constant goes to the value alone);
- one variable ``φ``: ``φ, φ' x_i, φ' x_ij + φ'' x_i x_j``;
- bilinear ``B``: ``B(x,y)``, ``B(x_i,y) + B(x,y_i)``, ``B(x_ij,y) + B(x_i,y_j) + B(x_j,y_i) + B(x,y_ij)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from neuromanifold.geometry.decompositions import COMPOSITES
from neuromanifold.geometry.nested import nested_streams, pairs
from neuromanifold.geometry.smooth import SMOOTH

__all__ = ["LINEAR", "VALUE_ONLY", "Call", "Expansion", "NoRuleError", "find_rule"]


class NoRuleError(TypeError):
    """An operation that jets cannot go through; nested forward mode then takes the map around it."""


class Expansion:
    """Streams ``(S, *shape)`` of a tensor of that shape: S = 1 + k, or 1 + k + k(k+1)/2 for ``order`` 2."""

    def __init__(self, streams: Tensor, k: int, order: int) -> None:
        self._streams, self._k, self._order = streams, k, order


@dataclass(frozen=True)
class Call:
    """A call of a torch function, with expansions among its arguments."""

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def expansions(self) -> list[Expansion]:
        return list(_expansions((self.args, tuple(self.kwargs.values()))))

    def with_tensors(self, tensors: list[Tensor]) -> Any:
        """The call with the expansions replaced, in order, by tensors."""
        supply = iter(tensors)
        args = _substitute(self.args, supply)
        return self.function(*args, **{key: _substitute(value, supply) for key, value in self.kwargs.items()})

    def wrap(self, streams: Any) -> Any:
        """Expansions from streams; sequences of them for functions that return several."""
        if isinstance(streams, (tuple, list)):
            return type(streams)(self.wrap(one) for one in streams)
        like = self.expansions[0]
        return type(like)(streams, like._k, like._order)


def _expansions(argument: Any) -> Iterator[Expansion]:
    if isinstance(argument, Expansion):
        yield argument
    elif isinstance(argument, (tuple, list)):
        for item in argument:
            yield from _expansions(item)


def _substitute(argument: Any, supply: Iterator[Tensor]) -> Any:
    if isinstance(argument, Expansion):
        return next(supply)
    if isinstance(argument, (tuple, list)):
        return type(argument)(_substitute(item, supply) for item in argument)
    return argument


Rule = Callable[[Call], Any]


def value_only(call: Call) -> Any:
    """Shapes, comparisons and the like, which see the value alone."""
    return call.with_tensors([x._streams[0] for x in call.expansions])


def linear(call: Call) -> Any:
    """A function that is linear in its one expansion (or jointly in all of them)."""
    streams = [x._streams for x in call.expansions]
    return call.wrap(torch.vmap(lambda *one: call.with_tensors(list(one)))(*streams))


def index(call: Call) -> Any:
    """``x[...]``, without the detour through vmap where the indices are plain."""
    x, where = call.args
    where = where if isinstance(where, tuple) else (where,)
    if isinstance(x, Expansion) and all(isinstance(i, (int, slice, type(None), type(Ellipsis))) for i in where):
        return call.wrap(x._streams[(slice(None), *where)])
    return linear(call)


def jointly_linear(call: Call) -> Any:
    """Sums, concatenations and choices: constants among the operands have derivative zero."""
    like = call.expansions[0]
    if call.name in _LISTS:
        parts, *rest = call.args
        args = ([_lifted(part, like) for part in parts], *rest)
    elif call.name == "where":
        args = (call.args[0], *(_lifted(operand, like) for operand in call.args[1:]))
    else:
        args = tuple(_lifted(operand, like) for operand in call.args)
    return linear(Call(call.function, call.name, args, call.kwargs))


def _lifted(operand: Any, like: Expansion) -> Expansion:
    """An operand as an expansion; a constant has no derivatives."""
    if isinstance(operand, Expansion):
        return operand
    value = torch.as_tensor(operand, dtype=like._streams.dtype, device=like._streams.device)
    rest = value.new_zeros(len(like._streams) - 1, *value.shape)
    return type(like)(torch.cat([value[None], rest]), like._k, like._order)


def smooth(call: Call) -> Any:
    """A function of one variable, from its first two derivatives."""
    x: Expansion = call.args[0]
    streams, k = x._streams, x._k
    value, slope, bend = SMOOTH[call.name](streams[0], *call.args[1:], **call.kwargs)
    out = streams * slope
    out[0] = value
    if x._order == 2:
        for place, (i, j) in enumerate(pairs(k), start=k + 1):
            out[place] += (bend * streams[i + 1]) * streams[j + 1]
    return call.wrap(out)


def quotient(call: Call) -> Any:
    """``x / y = x · (1/y)``."""
    x, y = call.args
    inverse = smooth(Call(torch.reciprocal, "reciprocal", (y,), {})) if isinstance(y, Expansion) else 1 / y
    return product(Call(torch.mul, "mul", (x, inverse), {}))


def product(call: Call) -> Any:
    """A function that is linear in each of one or two expansions."""
    if len(call.expansions) == 1:
        return linear(call)
    x, y = call.expansions
    a, b, k = x._streams, y._streams, x._k

    def times(u: Tensor, v: Tensor) -> Tensor:
        return call.with_tensors([u, v])

    out = [times(a[0], b[0])]
    out += [times(a[i], b[0]) + times(a[0], b[i]) for i in range(1, k + 1)]
    if x._order == 2:
        for place, (i, j) in enumerate(pairs(k), start=k + 1):
            mixed = times(a[i + 1], b[j + 1]) + times(a[j + 1], b[i + 1])
            out.append(times(a[place], b[0]) + mixed + times(a[0], b[place]))
    return call.wrap(torch.stack(out))


def affine(call: Call) -> Any:
    """Linear layers and convolutions ``W x + b``: W on every stream at once, b on the value."""
    x, weight, *rest = call.args
    bias = rest.pop(0) if rest else call.kwargs.get("bias")
    kwargs = {key: value for key, value in call.kwargs.items() if key != "bias"}
    if call.name == "linear":
        out = functional.linear(x._streams, weight)
        shape: tuple[int, ...] = (-1,)
    else:
        out = torch.vmap(lambda one: call.function(one, weight, None, *rest, **kwargs))(x._streams)
        shape = (-1,) + (1,) * (weight.ndim - 2)
    if bias is not None:
        out[0] += bias.reshape(shape)
    return call.wrap(out)


def batch_norm(call: Call) -> Any:
    """``(x - mean) / √(var + ε) · weight + bias`` with stored moments: affine."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = dict(zip(names, call.args, strict=False)) | call.kwargs
    if given.get("training", False) or given.get("running_var") is None:
        raise NoRuleError("batch normalisation with the moments of the batch")
    shape = (-1,) + (1,) * (given["input"]._streams.ndim - 3)
    scale = torch.rsqrt(given["running_var"] + given.get("eps", 1e-5))
    scale = scale if given.get("weight") is None else scale * given["weight"]
    shift = -given["running_mean"] * scale
    shift = shift if given.get("bias") is None else shift + given["bias"]
    out = given["input"]._streams * scale.reshape(shape)
    out[0] += shift.reshape(shape)
    return call.wrap(out)


def dropout(call: Call) -> Any:
    """The identity outside training."""
    training = call.kwargs.get("training", call.args[2] if len(call.args) > 2 else True)
    if training:
        raise NoRuleError("dropout in training")
    return call.args[0]


def composite(call: Call) -> Any:
    """A function that is written out in simpler ones, where its arguments are the usual ones."""
    result = COMPOSITES[call.name](*call.args, **call.kwargs)
    return nested(call) if result is NotImplemented else result


def nested(call: Call) -> Any:
    """Any other function: differentiated on its own."""
    first = call.expansions[0]
    streams = [x._streams for x in call.expansions]
    out = nested_streams(lambda *tensors: call.with_tensors(list(tensors)), streams, first._k, first._order)
    return call.wrap(out)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LISTS = frozenset(("cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack"))
_SUMS = frozenset(("add", "sub", "subtract", "where")) | _LISTS
_QUOTIENTS = frozenset(("div", "truediv", "true_divide", "divide"))
_PRODUCTS = _names("mul multiply matmul mm bmm mv dot einsum outer inner tensordot kron")
_CONVOLUTIONS = frozenset(("conv1d", "conv2d", "conv3d"))
# Options that add constants to a linear function: the value to pad with, the ends to take differences with.
_AFFINE_OPTIONS = frozenset(("value", "prepend", "append"))
VALUE_ONLY = _names(
    "size dim numel nelement len is_floating_point is_complex eq ne lt le gt ge isnan isinf isfinite "
    "argmax argmin argsort zeros_like ones_like full_like empty_like rand_like randn_like new_zeros "
    "new_ones new_full new_tensor new_empty stride is_contiguous get_device allclose equal logical_and "
    "logical_or logical_not"
)
LINEAR = _names(
    "reshape view view_as reshape_as flatten unflatten permute transpose swapaxes swapdims movedim "
    "squeeze unsqueeze expand expand_as contiguous clone sum mean neg negative index_select gather "
    "take_along_dim narrow select flip roll pad avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d chunk split tensor_split unbind cumsum diff to double float "
    "type_as type diagonal diag_embed trace repeat tile tril triu interpolate broadcast_to positive t "
    "ravel"
)


def find_rule(call: Call) -> Rule:
    """The rule for a call: by its name, and by which of its arguments are expansions."""
    name, n = call.name, len(call.expansions)
    leads = bool(call.args) and isinstance(call.args[0], Expansion)
    if name in VALUE_ONLY:
        return value_only
    if n == 0 or n > len(list(_expansions(call.args))):
        # Arguments by keyword: nested mode does not depend on which is which.
        return nested
    if name in _SUMS and set(call.kwargs) <= {"dim", "axis"}:
        return jointly_linear
    if name in _QUOTIENTS and not call.kwargs:
        return quotient
    if name in _PRODUCTS and n <= 2:
        return product
    if leads and n == 1:
        if name in SMOOTH and (name != "pow" or isinstance(call.args[1], (int, float))):
            return smooth
        if name == "linear" or name in _CONVOLUTIONS:
            return affine
        if name in LINEAR and all(call.kwargs.get(option) is None for option in _AFFINE_OPTIONS):
            return linear
    if name in COMPOSITES and leads and n == 1:
        return composite
    special = {"getitem": index, "batch_norm": batch_norm, "dropout": dropout}
    return special.get(name, nested)
