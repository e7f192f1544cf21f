"""The mutation check: is every formula watched by a test that fails when it is wrong?

A mutant is one source file with one small error in it. It runs in a process of its own, where that file is replaced in
memory (nothing is written), and the tests mapped to it run until the first one fails: then the mutant is killed.
Listed mutants, and which tests should kill those of each file, stand in ``files/mutants.txt``; :func:`drawn` makes
others at random from the syntax tree.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import itertools
import multiprocessing
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "neuromanifold"
FOLDERS = ("geometry", "distributions", "manifolds", "featuremaps")
_SECONDS = 60  # of the processor: a mutant that is not done by then never ends
# Loaded once, before a process is forked for each mutant.
_LIBRARIES = (
    *("torch.func", "torch._dynamo", "torch.fx.experimental.symbolic_shapes", "scipy.stats", "scipy.spatial"),
    *("scipy.interpolate", "scipy.signal", "scipy.ndimage", "sklearn.svm", "sklearn.utils.estimator_checks"),
    *("xarray", "h5py", "ripser", "matplotlib.pyplot", "pytest"),
)
_Edit = tuple[int, int, str]  # bytes of a file from, to, and what replaces them


@dataclass(frozen=True)
class Mutant:
    """An error in ``path`` (under the package), by which its line (or lines) ``old`` became ``new``."""

    path: str
    edit: _Edit
    old: str
    new: str

    @property
    def source(self) -> str:
        """The file with the error in it."""
        start, end, text = self.edit
        source = (PACKAGE / self.path).read_bytes()
        return (source[:start] + text.encode() + source[end:]).decode()

    def __str__(self) -> str:
        return f"{self.path}\n    - {self.old}\n    + {self.new}"


@dataclass(frozen=True)
class Entry:
    """An entry of the list; with a reason, it is of a mutant that changes no promised number."""

    path: str
    old: str
    new: str
    reason: str = ""


def read_list() -> tuple[dict[str, tuple[str, ...]], list[Entry]]:
    """Test files of each source file, and the entries."""
    tests: dict[str, tuple[str, ...]] = {}
    entries: list[Entry] = []
    path = old = ""
    for line in (HERE / "files" / "mutants.txt").read_text(encoding="utf-8").splitlines():
        mark, text = line[:2], line[2:]
        if line.startswith("## "):
            path, names = line[3:].split(": ")
            tests[path] = tuple(names.split())
        elif mark == "- ":
            old = text
        elif mark == "+ ":
            entries.append(Entry(path, old, text))
        elif mark == "= ":
            entries[-1] = Entry(path, old, entries[-1].new, text)
    return tests, entries


def listed(folder: str) -> list[Mutant]:
    """The listed mutants of a folder, equivalent ones left out."""
    mutants = []
    for entry in read_list()[1]:
        if not entry.reason and entry.path.startswith(f"{folder}/"):
            source, old = (PACKAGE / entry.path).read_bytes(), entry.old.encode()
            start = source.index(old)
            mutants.append(_mutant(entry.path, source, (start, start + len(old), entry.new)))
    return mutants


def _mutant(path: str, source: bytes, edit: _Edit) -> Mutant:
    start, end, text = edit
    first, last = source.rfind(b"\n", 0, start) + 1, source.find(b"\n", end)
    lines = source[first:last], source[first:start] + text.encode() + source[end:last]
    return Mutant(path, edit, *(" ".join(line.decode().split()) for line in lines))


# -- mutants drawn at random ------------------------------------------------------------------------------------------

_SWAPS = {ast.Add: "+-", ast.Sub: "-+", ast.Mult: "*/", ast.Div: "/*"}
_EDGES = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}


def drawn(n: int, seed: int, folders: Sequence[str] = FOLDERS) -> list[Mutant]:
    """n random mutants: + and -, * and /, < and ≤ exchanged, a minus dropped, a constant moved by one, indices swapped.

    They come in the order of a hash of what they change, so that an edit elsewhere leaves the sample as it is.
    """
    known = {(e.path, e.old, e.new) for e in read_list()[1] if e.reason}
    found: dict[str, Mutant] = {}
    for path in sorted(p for folder in folders for p in (PACKAGE / folder).rglob("*.py")):
        name, source = path.relative_to(PACKAGE).as_posix(), path.read_bytes()
        for edit in edits(source):
            mutant = _mutant(name, source, edit)
            if (name, mutant.old, mutant.new) not in known:
                key = f"{seed} {name} {mutant.old} {mutant.new}"
                found[hashlib.sha256(key.encode()).hexdigest()] = mutant
    return [found[key] for key in sorted(found)[:n]]


def edits(source: bytes) -> Iterator[_Edit]:
    """Every small change of a formula in a source file."""
    starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]

    def span(node: Any) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    for node in _formulas(ast.parse(source)):
        if isinstance(node, ast.BinOp) and type(node.op) in _SWAPS:
            old, new = _SWAPS[type(node.op)]
            place = source.index(old.encode(), span(node.left)[1], span(node.right)[0])
            yield place, place + 1, new
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _EDGES:
            old, new = _EDGES[type(node.ops[0])]
            place = source.index(old.encode(), span(node.left)[1], span(node.comparators[0])[0])
            yield place, place + len(old), new
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield span(node)[0], span(node)[0] + 1, "+"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield *span(node), repr(node.value + 1)
            yield *span(node), repr(node.value - 1)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) > 1:
            a, b = (span(part) for part in node.slice.elts[-2:])
            if source[slice(*a)] != source[slice(*b)]:
                text = source[slice(*b)] + source[a[1] : b[0]] + source[slice(*a)]
                yield a[0], b[1], text.decode()
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("einsum"):
            yield from _swapped_letters(node.args[0], span(node.args[0])[0])


def _swapped_letters(subscripts: ast.expr, start: int) -> Iterator[_Edit]:
    """Two neighbouring indices of an operand of an einsum exchanged."""
    if isinstance(subscripts, ast.Constant):
        text = subscripts.value
        for i, (a, b) in enumerate(itertools.pairwise(text)):
            if a.isalpha() and b.isalpha() and a != b:
                yield start + 1 + i, start + 3 + i, b + a


def _formulas(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that compute: no annotations, decorators, messages, or operations on strings, tuples and lists."""
    skipped: list[ast.AST | None] = []
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        skipped += [*node.decorator_list, getattr(node, "returns", None)]
    if isinstance(node, (ast.AnnAssign, ast.arg)):
        skipped.append(node.annotation)
    for child in ast.iter_child_nodes(node):
        if child in skipped or isinstance(child, (ast.Raise, ast.Assert, ast.JoinedStr)):
            continue
        yield from _formulas(child)
    sequences = (ast.Tuple, ast.List, ast.JoinedStr, ast.ListComp)
    is_sequence = isinstance(node, ast.BinOp) and any(isinstance(side, sequences) for side in (node.left, node.right))
    is_type = isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Callable"
    if not (is_sequence or is_type):
        yield node


# -- runs -------------------------------------------------------------------------------------------------------------


class _Replaced(SourceFileLoader):
    """Finder and loader of one module whose source is another text."""

    def __init__(self, path: str, source: str) -> None:
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        super().__init__(f"neuromanifold.{module}", str(PACKAGE / path))
        self.source = source

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec")


class _FirstFailure:
    """What failed first, and where the process says so."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.name:
            self.name = report.nodeid.split("/")[-1]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.name:
            self.name = f"{report.nodeid.split('/')[-1]} (on import)"


def killer(mutant: Mutant, tests: Sequence[str]) -> str:
    """The first test to fail with this mutant, of some test files in turn; empty if none does."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LIBRARIES))
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_examine, args=(mutant.path, mutant.source, tests, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return f"no end within {_SECONDS} s" if process.exitcode == -signal.SIGXCPU else f"died: {process.exitcode}"
    finally:
        process.join()


def _examine(path: str, source: str, tests: Sequence[str], sender: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 10))
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.path.insert(0, str(PACKAGE.parent))
    sys.meta_path.insert(0, _Replaced(path, source))
    seen = _FirstFailure()
    options = ["-x", "-q", "-p", "no:cacheprovider"]
    code = pytest.main([*options, *(str(HERE / f"{name}.py") for name in tests)], plugins=[seen])
    sender.send(seen.name if code == pytest.ExitCode.OK or seen.name else f"pytest: {code!r}")


def killed_share(mutants: Sequence[Mutant]) -> float:
    """Share of mutants that the tests kill; prints who killed each, and the survivors."""
    tests, survivors = read_list()[0], []
    for number, mutant in enumerate(mutants, 1):
        name = killer(mutant, tests.get(mutant.path, ()))
        print(f"{number:4d} {'killed' if name else 'SURVIVED'} {mutant}\n    {name}", flush=True)
        survivors += [] if name else [mutant]
    print(f"\n{len(mutants) - len(survivors)} of {len(mutants)} mutants killed; survivors:")
    print("\n".join(map(str, survivors)) or "none", flush=True)
    return 1 - len(survivors) / len(mutants)
