"""The output of a submodule as a function of the module's input, in evaluation mode and with frozen parameters.

The forward pass ends as soon as the submodule has answered: a hook takes its output and leaves by an exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from neuromanifold._errors import InputError
from neuromanifold.geometry.precision import own_device, own_dtype

__all__ = ["Submodule"]


class _Reached(BaseException):
    """The submodule has answered. No error: a network that catches errors of its parts must not catch it."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


class Submodule:
    """The function ``x (b, *shape) -> (b, n)`` of a submodule.

    Parameters
    ----------
    module : nn.Module
    name : str or None
        As in ``module.named_modules()``; None or "" is the module itself.

    Raises
    ------
    InputError
        If there is no such submodule, or a batch normalisation keeps no moments of its own.
    """

    def __init__(self, module: nn.Module, name: str | None = None) -> None:
        if not isinstance(module, nn.Module):
            raise InputError(f"a layer belongs to an nn.Module; got {type(module).__name__}")
        self.module, self.name = module, name or ""
        self.target = _find(module, self.name)
        _check_moments(module)

    def __repr__(self) -> str:
        return f"{type(self.module).__name__}.{self.name}" if self.name else type(self.module).__name__

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its parameters; float64 if it has none."""
        return own_dtype(self.module, torch.float64)

    @property
    def device(self) -> torch.device:
        """The device of its parameters."""
        return own_device(self.module)

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs ``(b, n)``, flattened, in the precision of x.

        Raises
        ------
        InputError
            If the inputs are on another device, the module refuses them, or its output is not one tensor.
        """
        if x.device != self.device:
            raise InputError(f"the inputs are on {x.device} and the network is on {self.device}; move one of them")
        state = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        frozen = {name: t.detach().to(x.dtype) if t.is_floating_point() else t for name, t in state.items()}
        with _evaluating(self.module):
            # A copy: the first part may work in place.
            output = self._run(frozen, x.clone())
        return _as_features(output, self, len(x))

    def _run(self, state: dict[str, Tensor], x: Tensor) -> Any:
        hook = self.target.register_forward_hook(_leave) if self.name else None
        try:
            output = functional_call(self.module, state, (x,))
        except _Reached as reached:
            return reached.output
        except InputError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise InputError(
                f"{type(self.module).__name__} refuses inputs of shape {tuple(x.shape)} (the first axis is that of the "
                f"points) and precision {x.dtype}: {error}"
            ) from error
        finally:
            if hook is not None:
                hook.remove()
        if hook is not None:
            raise InputError(f"{self!r} is not called in a forward pass; name a layer that is")
        return output


def _leave(module: nn.Module, args: Any, output: Any) -> None:
    raise _Reached(output)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and afterwards every part in the mode that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _find(module: nn.Module, name: str) -> nn.Module:
    parts = dict(module.named_modules())
    if name in parts:
        return parts[name]
    names = [known for known in parts if known]
    near = get_close_matches(name, names, n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise InputError(f"{type(module).__name__} has no layer {name!r}{hint}; it has: {', '.join(names) or 'none'}")


def _check_moments(module: nn.Module) -> None:
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None:
            raise InputError(
                f"the batch normalisation {name!r} keeps no running moments, so the output at one input depends on the "
                "others of its batch, and is no function of it; use track_running_stats=True"
            )


def _as_features(output: Any, layer: Submodule, n_points: int) -> Any:
    if isinstance(output, (tuple, list, dict)):
        raise InputError(
            f"{layer!r} returns a {type(output).__name__}, and a feature map has one tensor as output; name a "
            "submodule that returns one, or wrap it in a module that picks one (recurrent layers are out of scope)"
        )
    if output.ndim == 0 or output.shape[0] != n_points:
        raise InputError(
            f"{layer!r} returns shape {tuple(output.shape)} for {n_points} inputs; the first axis is theirs"
        )
    return output.flatten(1) if output.ndim > 1 else output[:, None]
