"""Pickles of numbers, read without being run: their opcodes are listed, and only those that state numbers are followed.

A pickle is a program for a stack machine (``pickletools``), and a hostile one calls what it likes. Here
``pickletools.genops``, which executes nothing, lists its opcodes, and a machine that knows constants, tuples, lists,
dicts and the three calls by which numpy writes an array does what they say. Every other opcode and name is refused.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from neuromanifold._untrusted import Malformed

__all__ = ["read_numbers"]

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_RECONSTRUCT = {f"{module} _reconstruct" for module in _NUMPY}
_SCALAR = {f"{module} scalar" for module in _NUMPY}
# Bytes, and none of them, as protocol 2 writes them.
_ENCODE, _NO_BYTES = {"_codecs encode"}, {"__builtin__ bytes"}
_NDARRAY, _DTYPE = {"numpy ndarray"}, {"numpy dtype"}
_KNOWN = _RECONSTRUCT | _SCALAR | _ENCODE | _NO_BYTES | _NDARRAY | _DTYPE
_NUMBERS = re.compile(r"[|<>=]?[iufb]\d{1,2}$")
_OBJECTS = re.compile(r"\|?O\d?$")
_CONSTANTS = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (),
}  # fmt: skip
_STATED = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "SHORT_BINSTRING", "BINSTRING",
}  # fmt: skip


@dataclass(frozen=True)
class _Name:
    """A global that the pickle names; never looked up."""

    text: str


@dataclass
class _Dtype:
    """A type of numbers that is being built."""

    text: str
    order: str = "="

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.text).newbyteorder(self.order)  # type: ignore[arg-type]  # one of numpy's signs


class _Array:
    """An array that has been begun, and whose state is still to be stated."""


_MARK = object()


def read_numbers(stream: IO[bytes]) -> Any:
    """What a pickle holds: numbers, texts, arrays of numbers, and tuples, lists and dicts of these.

    Raises
    ------
    Malformed
        If it names or does anything else.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(stream):
        machine.step(opcode.name, argument)
    return machine.pop()


class _Machine:
    """The stack, its memo, and what each opcode does to them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """The top of the stack."""
        if not self.stack:
            raise Malformed("its opcodes take more than they state")
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """Follow one opcode."""
        if name in _CONSTANTS or name in _STATED:
            self.stack.append(_CONSTANTS.get(name, argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Malformed(f"it has the opcode {name}, which is not a number: refused")

    def marked(self) -> list[Any]:
        """What was stated since the last mark."""
        items: list[Any] = []
        while (item := self.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def name(self, text: str) -> None:
        """A global, if it is one of numpy's for arrays."""
        if text not in _KNOWN:
            raise Malformed(f"it holds {text.replace(' ', '.')}, which is not a number: refused")
        self.stack.append(_Name(text))

    def named_on_stack(self, _: Any) -> None:
        """A global whose module and name are on the stack."""
        last, first = self.pop(), self.pop()
        self.name(f"{first} {last}")

    def keep(self, key: Any) -> None:
        """Remember the top of the stack; by its turn, where the opcode gives no number."""
        self.memo[len(self.memo) if key is None else key] = self.stack[-1] if self.stack else None

    def recall(self, key: Any) -> None:
        """What was remembered."""
        if key not in self.memo:
            raise Malformed("its opcodes recall what was never stated")
        self.stack.append(self.memo[key])

    def replace(self, placeholder: Any, value: Any) -> None:
        """Put a finished value where it was begun: on top of the stack, and where that was remembered."""
        self.stack[-1] = value
        self.memo.update({key: value for key, kept in self.memo.items() if kept is placeholder})

    def gather(self, n: int | None) -> None:
        """A tuple of the last n, or of all since the mark."""
        items = self.marked() if n is None else [self.pop() for _ in range(n)][::-1]
        self.stack.append(tuple(items))

    def extend(self, items: list[Any]) -> None:
        """Put items at the end of the list below."""
        target = self.stack[-1] if self.stack else None
        if not isinstance(target, list):
            raise Malformed("its opcodes append to what is no list")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        """Put keys and values into the dict below."""
        target = self.stack[-1] if self.stack else None
        if not isinstance(target, dict):
            raise Malformed("its opcodes set items of what is no dict")
        target.update(zip(items[::2], items[1::2], strict=True))

    def call(self, _: Any) -> None:
        """One of the calls by which numpy writes arrays."""
        arguments, function = self.pop(), self.pop()
        text = function.text if isinstance(function, _Name) else ""
        if not isinstance(arguments, tuple):
            raise Malformed("its opcodes call with no tuple")
        if text in _RECONSTRUCT:
            self.stack.append(_Array())
        elif text in _DTYPE:
            self.stack.append(_dtype(*arguments[:1]))
        elif text in _SCALAR:
            self.stack.append(_scalar(*arguments))
        elif text in _ENCODE:
            self.stack.append(str(arguments[0]).encode("latin-1"))
        elif text in _NO_BYTES and arguments == ():
            self.stack.append(b"")
        else:
            raise Malformed(f"it calls {text or type(function).__name__}, which is not a number: refused")

    def build(self, _: Any) -> None:
        """The state of an array or of a type."""
        state = self.pop()
        target = self.stack[-1] if self.stack else None
        if isinstance(target, _Array) and isinstance(state, tuple) and len(state) == 5:
            self.replace(target, _values(*state[1:]))
        elif (
            isinstance(target, _Dtype) and isinstance(state, tuple) and state[1:2] and state[1] in ("<", ">", "|", "=")
        ):
            target.order = state[1]
        else:
            raise Malformed(f"it states a {type(target).__name__}, which is not a number: refused")


_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "TUPLE": lambda machine, _: machine.gather(None),
    "TUPLE1": lambda machine, _: machine.gather(1),
    "TUPLE2": lambda machine, _: machine.gather(2),
    "TUPLE3": lambda machine, _: machine.gather(3),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "SETITEM": lambda machine, _: machine.update([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.update(machine.marked()),
    "BINPUT": _Machine.keep,
    "LONG_BINPUT": _Machine.keep,
    "MEMOIZE": _Machine.keep,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.named_on_stack,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
}


def _dtype(text: Any) -> _Dtype:
    if not isinstance(text, str) or not (_NUMBERS.match(text) or _OBJECTS.match(text)):
        raise Malformed(f"it holds values of type {text!r}, which is not a number: refused")
    return _Dtype(text)


def _scalar(dtype: Any, data: Any) -> Any:
    return _values((), dtype, False, data)[()]


def _values(shape: Any, dtype: Any, fortran: Any, data: Any) -> npt.NDArray[Any]:
    """Values from the bytes of numbers, or from a list of objects that are themselves of this kind."""
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or not all(isinstance(n, int) for n in shape):
        raise Malformed("an array in it states no shape and type")
    if _OBJECTS.match(dtype.text):
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise Malformed(f"an array in it of shape {shape} does not hold so many values")
        values = np.empty(len(data), dtype=object)
        for i, item in enumerate(data):  # one by one: of arrays of one shape, numpy would make a matrix
            values[i] = item
        return values.reshape(shape)
    raw = data.encode("latin-1") if isinstance(data, str) else data  # Python 2 wrote bytes as texts
    found = np.frombuffer(raw, dtype=dtype.numpy())
    if len(found) != math.prod(shape):
        raise Malformed(f"an array in it of shape {shape} holds {len(found)} values")
    found = found.astype(found.dtype.newbyteorder("="), copy=False)  # torch takes no other order
    return found.reshape(shape, order="F" if fortran else "C")
