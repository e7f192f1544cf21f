"""Activations by name.

"erf" means ``erf(z/√2)``; "monomial(q)" is ``z^q/√((2q-1)!!)``, so that ``E[φ²] = s^q`` for ``z ~ N(0, s)``; "relu(r)"
is ``max(z, 0)^r``.
"""

from __future__ import annotations

import re

import torch
from torch import nn

from neuromanifold._errors import InputError
from neuromanifold.featuremaps.activation import Activation, Function
from neuromanifold.featuremaps.powers import monomial, relu_power
from neuromanifold.featuremaps.smooth_activations import (
    COSINE,
    ERF,
    EXP,
    GAUSSIAN,
    GELU,
    SIGMOID,
    SINE,
    SOFTPLUS,
    TANH,
)

__all__ = ["ACTIVATIONS", "resolve"]

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (ERF, TANH, SIGMOID, GELU, SOFTPLUS, SINE, COSINE, EXP, GAUSSIAN, relu_power(1))
}
_FAMILIES = {"monomial": monomial, "relu": relu_power}
_ALIASES = {"sin": "sine", "cos": "cosine", "exponential": "exp", "linear": "monomial(1)", "identity": "monomial(1)"}
# Callables that are one of the named ones.
_KNOWN: dict[Function, str] = {
    torch.tanh: "tanh",
    torch.sigmoid: "sigmoid",
    torch.relu: "relu",
    torch.sin: "sine",
    torch.cos: "cosine",
    torch.exp: "exp",
    nn.functional.relu: "relu",
    nn.functional.gelu: "gelu",
    nn.functional.softplus: "softplus",
}


def resolve(activation: str | Activation | Function) -> Activation:
    """The activation of a name, a callable, or itself.

    Parameters
    ----------
    activation : str, Activation or callable
        A name of :data:`ACTIVATIONS`, "monomial(q)", "relu(r)", or an elementwise function of torch tensors.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(activation, Activation):
        return activation
    if callable(activation):
        if isinstance(activation, nn.Module):
            return Activation(type(activation).__name__, activation, n_weak=None)
        if activation in _KNOWN:
            return ACTIVATIONS[_KNOWN[activation]]
        return Activation(getattr(activation, "__name__", "callable"), activation, n_weak=None)
    name = str(activation).strip().lower()
    name = _ALIASES.get(name, name)
    family = re.fullmatch(r"(monomial|relu)[\s_(^]*(\d+)\)?", name)
    if family:
        return _FAMILIES[family[1]](int(family[2]))
    if name not in ACTIVATIONS:
        raise InputError(
            f"no activation {activation!r}; there are {', '.join(ACTIVATIONS)}, monomial(q), relu(r), or an "
            "elementwise function of torch tensors"
        )
    return ACTIVATIONS[name]
