"""Nothing in a file is ever run: the source has no way to, and planted code leaves no mark in any format."""

from __future__ import annotations

import ast
import contextlib
import io
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._untrusted import Malformed
from neuromanifold.benchmarks.robustness.given import sound
from neuromanifold.benchmarks.robustness.hostile import CODES, MARK, payload
from neuromanifold.data.gardner import read_gardner
from neuromanifold.data.images.source import load as load_images
from neuromanifold.data.number_pickles import read_numbers
from neuromanifold.data.readers import inspect
from neuromanifold.networks.small_resnet import load_small_resnet

PACKAGE = Path(nm.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "jsonpickle", "code", "codeop"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def keyword(node: ast.Call, name: str) -> object:
    return next((k.value.value for k in node.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


def faults(source: str) -> list[str]:
    """Imports and calls that can run code from a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = called(node)
            last = name.rsplit(".", 1)[-1]
            found += [name] if name in FORBIDDEN_CALLS or name in ("yaml.load", "joblib.load", "os.system") else []
            found += [name] if name in ("pd.read_pickle", "pandas.read_pickle") else []
            found += [name] if name == "torch.load" and keyword(node, "weights_only") is not True else []
            found += [name] if name in ("np.load", "numpy.load") and keyword(node, "allow_pickle") is not False else []
            found += [name] if last in ("read_array", "savez", "save") and keyword(node, "allow_pickle") else []
            found += [name] if last in ("Popen", "run", "call") and keyword(node, "shell") else []
    return found


def test_no_module_can_run_code_from_a_file() -> None:
    found = {str(path.relative_to(PACKAGE)): faults(path.read_text(encoding="utf-8")) for path in FILES}
    assert len(FILES) > 300
    assert {path: why for path, why in found.items() if why} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from dill import load", "import cloudpickle.x", "eval(x)", "exec(x)", "torch.load(p)",
        "torch.load(p, weights_only=False)", "np.load(p)", "np.load(p, allow_pickle=True)", "yaml.load(p)",
        "subprocess.run(x, shell=True)",
    ],
)  # fmt: skip
def test_the_source_test_sees(line: str) -> None:
    assert faults(line)


READERS = {
    "path": (nm.load, inspect),
    "model file": (nm.load_model,),
    "weights file": (load_small_resnet,),
    "image file": (load_images,),
}


@pytest.mark.parametrize("fault", CODES, ids=lambda fault: fault.name)
def test_planted_code_is_not_run(fault, tmp_path) -> None:
    path = fault.spoil(sound(tmp_path)).path
    for read in READERS[fault.touches]:
        with contextlib.suppress(FileFormatError, InputError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    assert not (tmp_path / MARK).exists()


def test_the_planted_code_would_leave_its_mark(tmp_path) -> None:
    pickle.loads(payload(tmp_path))
    assert (tmp_path / MARK).is_dir()


# ---- pickles of numbers, read without being run ----

NUMBERS = {
    "matrix": np.arange(12.0).reshape(3, 4),
    "column order": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big-endian": np.arange(5, dtype=">i4"),
    "booleans": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "no dimension": np.array(3.5),
    "numpy scalar": np.float32(2.5),
    "whole number": 10**12,
    "text": "größe",
    "dict": {1: np.arange(3.0), np.int64(2): np.arange(4), "c": (1, 2.5, None, True)},
    "list": [np.arange(3), np.arange(3)],
    "objects": np.array({1: np.arange(3.0)}, dtype=object),
    "lists of arrays": np.array([np.arange(2), np.arange(3)], dtype=object),
}


def same(one: object, two: object) -> bool:
    if isinstance(one, dict):
        return isinstance(two, dict) and set(one) == set(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, np.ndarray) and one.dtype == object:
        return isinstance(two, np.ndarray) and one.shape == two.shape and all(map(same, one.ravel(), two.ravel()))
    if isinstance(one, np.ndarray):
        return isinstance(two, np.ndarray) and one.dtype == two.dtype and np.array_equal(one, two)
    return bool(one == two)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_are_read_as_pickle_reads_them(case: str, protocol: int) -> None:
    written = pickle.dumps(NUMBERS[case], protocol=protocol)
    assert same(pickle.loads(written), read_numbers(io.BytesIO(written)))


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        pickle.dumps(Path("x")),
        pickle.dumps(print),
        pickle.dumps(np.random.default_rng(0)),
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x031+1\x85R.",
        b"\x80\x02cnumpy\ndtype\nK\x01\x85R.",
        b"(i__main__\nX\n.",
    ],
)
def test_everything_else_is_refused(pickled: bytes) -> None:
    with pytest.raises(Malformed, match=r"refused|number"):
        read_numbers(io.BytesIO(pickled))


@pytest.mark.parametrize("pickled", [b"", b"\x80", b"\x80\x04.", b"\x80\x04h\x05.", b"\x80\x04]K\x01a", b"e."])
def test_broken_pickles_are_errors(pickled: bytes) -> None:
    with pytest.raises(ValueError):
        read_numbers(io.BytesIO(pickled))


def test_shared_lists_are_not_unrolled(tmp_path) -> None:
    """Lists of the list before, ten times over: small in the file, 10^12 numbers as an array."""
    cell = [1.0] * 10
    for _ in range(11):
        cell = [cell] * 10
    np.savez(tmp_path / "rat.npz", spikes_mod1=np.array({1: cell}, dtype=object), t=np.arange(3.0))
    with pytest.raises(FileFormatError, match="must be an array, not a list"):
        read_gardner(tmp_path / "rat.npz")
