"""MATLAB 5 files: the values in them as arrays, texts, lists (cells) and dicts (structs), every length
checked.

A file is a header of 128 bytes and elements: a tag (type, number of bytes), the data, padding to 8 bytes.
An array is an element made of elements: flags with its class, dimensions, name, then its values, or the
arrays it contains; a compressed element is another element in zlib. (MathWorks, "MAT-File Format", level
5.) scipy reads the same format faster, but ends the process on damaged files; here a length that leads out
of its element is an error.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._untrusted import Malformed, guard_expansion
from neuromanifold.data.readers.sparse import filled

__all__ = ["BIG", "LITTLE", "matlab5_variables"]

LITTLE, BIG = b"\x00\x01IM", b"\x01\x00MI"
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED, _TEXTS = 14, 15, {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_NUMERIC = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_LOGICAL, _COMPLEX = 0x02, 0x08
_DEEPEST = 32


class _Elements:
    """The elements of a stretch of bytes, one after another."""

    def __init__(self, data: memoryview, order: str, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise Malformed(f"arrays are nested more than {_DEEPEST} deep")
        self.data, self.order, self.depth, self.at = data, order, depth, 0

    def __bool__(self) -> bool:
        return self.at + 8 <= len(self.data)

    def next(self) -> tuple[int, memoryview]:
        """Type and data of the next element; small ones hold up to four bytes in their tag."""
        first, n_bytes = self.unpack("II", self.take(8))
        if first >> 16:
            self.at -= 4
            kind, n_bytes, padded = first & 0xFFFF, first >> 16, 4
        else:
            kind, padded = first, n_bytes if first == _COMPRESSED else -(-n_bytes // 8) * 8
        data = self.take(n_bytes)
        self.at = min(self.at + padded - n_bytes, len(self.data))
        return kind, data

    def take(self, n_bytes: int) -> memoryview:
        """The next bytes, which must be there."""
        if n_bytes > len(self.data) - self.at:
            left = len(self.data) - self.at
            raise Malformed(f"truncated or damaged, {n_bytes} bytes are announced where {left} are left")
        self.at += n_bytes
        return self.data[self.at - n_bytes : self.at]

    def unpack(self, what: str, data: memoryview) -> tuple[int, ...]:
        return struct.unpack(self.order + what, data)

    def numbers(self) -> npt.NDArray[Any]:
        """The next element as a vector of numbers."""
        kind, data = self.next()
        if kind not in _DTYPES:
            raise Malformed(f"an element has type {kind} where numbers should be")
        return np.frombuffer(data, dtype=self.order + _DTYPES[kind])

    def text(self) -> str:
        """The next element as text."""
        kind, data = self.next()
        if kind in _TEXTS:
            return bytes(data).decode(_TEXTS[kind], errors="replace")
        if kind not in _DTYPES:
            raise Malformed(f"an element has type {kind} where text should be")
        return "".join(map(chr, np.frombuffer(data, dtype=self.order + _DTYPES[kind]).tolist()))

    def inside(self, data: memoryview) -> _Elements:
        return _Elements(data, self.order, self.depth + 1)


def matlab5_variables(path: Path) -> Iterator[tuple[str, Any]]:
    """Name and value of each variable; None for classes that hold no data (objects, functions).

    Raises
    ------
    Malformed
        If a length, type or dimension in the file is impossible.
    """
    content = path.read_bytes()
    if content[124:128] not in (LITTLE, BIG):
        raise Malformed("its header is not that of MATLAB 5")
    elements = _Elements(memoryview(content)[128:], "<" if content[124:128] == LITTLE else ">")
    while elements:
        kind, data = elements.next()
        if kind == _COMPRESSED:
            kind, data = _unpacked(elements, data)
        if kind == _MATRIX:
            yield _array(elements.inside(data))


def _unpacked(elements: _Elements, data: memoryview) -> tuple[int, memoryview]:
    """The element in a compressed one, its announced size checked before it is unpacked."""
    stream = zlib.decompressobj()
    tag = stream.decompress(data, 8)
    n_bytes = elements.unpack("II", memoryview(tag))[1]
    guard_expansion("a compressed variable", n_bytes, len(data))
    return elements.inside(memoryview(tag + stream.decompress(stream.unconsumed_tail, n_bytes))).next()


def _array(elements: _Elements) -> tuple[str, Any]:
    """Name and value of an array."""
    if not elements:
        return "", np.zeros((0, 0))
    flags = int(elements.numbers()[0])
    array_class, bits = flags & 0xFF, flags >> 8
    if array_class not in (_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, *_NUMERIC):
        return "", None
    shape = tuple(int(n) for n in elements.numbers())
    if not shape or min(shape) < 0:
        raise Malformed(f"an array has shape {shape}")
    name = elements.text()
    if array_class == _CELL:
        return name, [_contained(elements) for _ in range(_count(shape, elements))]
    if array_class in (_STRUCT, _OBJECT):
        return name, _structs(elements, shape, array_class)
    if array_class == _CHAR:
        return name, elements.text()
    if array_class == _SPARSE:
        return name, _sparse(elements, shape)
    values = _shaped(elements.numbers(), shape).astype(_NUMERIC[array_class])
    if bits & _COMPLEX:
        return name, values + 1j * _shaped(elements.numbers(), shape)
    return name, values.astype(bool) if bits & _LOGICAL else values


def _count(shape: tuple[int, ...], elements: _Elements) -> int:
    """Number of arrays contained in one of this shape; each takes eight bytes at least."""
    n = int(np.prod(shape, dtype=object))
    if n * 8 > len(elements.data):
        raise Malformed(f"a cell or struct of shape {shape} is announced in {len(elements.data)} bytes")
    return n


def _contained(elements: _Elements) -> Any:
    kind, data = elements.next()
    if kind != _MATRIX:
        raise Malformed(f"an element has type {kind} where an array should be")
    return _array(elements.inside(data))[1]


def _structs(elements: _Elements, shape: tuple[int, ...], array_class: int) -> Any:
    """A struct as a dict, several as a list of dicts."""
    if array_class == _OBJECT:
        elements.text()
    width = int(elements.numbers()[0])
    if width < 1:
        raise Malformed(f"names of fields have {width} characters")
    names = elements.text()
    fields = [names[i : i + width].split("\0")[0] for i in range(0, len(names), width)]
    n = _count(shape, elements) if fields else 0
    rows = [{field: _contained(elements) for field in fields} for _ in range(n)]
    return rows[0] if shape == (1, 1) and rows else rows


def _sparse(elements: _Elements, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """A sparse matrix, filled in."""
    rows, starts, values = elements.numbers(), elements.numbers(), elements.numbers()
    return filled(rows, starts, values, shape)


def _shaped(values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if int(np.prod(shape, dtype=object)) != len(values):
        raise Malformed(f"an array of shape {shape} has {len(values)} values: it is truncated or damaged")
    return values.reshape(shape, order="F")
