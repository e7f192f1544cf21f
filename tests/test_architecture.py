"""The import direction: a module imports only from rows above its own (own folder apart), at the top of the file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "neuromanifold"
# Rows from top to bottom; a name is a file or a folder of the package.
ROWS = [
    {"_errors", "_typing"},
    {"_untrusted", "_settings"},
    {"_arrays", "_random", "_blocks", "_linalg", "_parameters", "_lock", "storage", "_geomstats"},
    {"progress"},
    {"_parallel"},
    {"manifolds"},
    {"geometry"},
    {"distributions"},
    {"data"},
    {"networks"},
    {"training"},
    {"featuremaps"},
    {"compare"},
    {"topology"},
    {"models"},
    {"bands", "bootstrap"},
    {"profile"},
    {"statistics"},
    {"diagnostics"},
    {"experiments"},
    {"benchmarks"},
    {"report", "export"},
    {"analysis", "analysis_settings"},
    {"pipeline"},
    {"comparison"},
    {"sessions"},
    {"cli"},
    {"__main__"},
]
ROW = {name: index for index, names in enumerate(ROWS) for name in names}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def part(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def own_imports(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "neuromanifold":
            names = [node.module] if node.module != "neuromanifold" else [f"neuromanifold.{a.name}" for a in node.names]
            found += [(name, node) for name in names]
        elif isinstance(node, ast.Import):
            found += [(a.name, node) for a in node.names if a.name.split(".")[0] == "neuromanifold"]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_upwards(path: Path) -> None:
    own = part(path)
    assert own in ROW, f"{own} has no row: add it to the rows of this test and to the design"
    for name, _ in own_imports(ast.parse(path.read_text())):
        target = name.split(".")[1] if "." in name else None
        # The version, and the lazy top level that the command line goes through, are the package itself.
        if target is None or target == "__version__" or target == own:
            continue
        assert ROW[target] < ROW[own], f"{path.name} ({own}) imports {name}, which is not above it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_own_imports_stand_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    for name, node in own_imports(tree):
        assert id(node) in top, f"{path.name}: import of {name} is not at the top of the file"


@pytest.mark.parametrize("folder", sorted({p.parent for p in FILES if p.parent != PACKAGE}), ids=lambda p: p.name)
def test_no_cycle_inside_a_folder(folder: Path) -> None:
    modules = {path.stem: path for path in folder.glob("*.py") if path.stem != "__init__"}
    prefix = "neuromanifold." + ".".join(folder.relative_to(PACKAGE).parts)
    edges = {
        stem: {
            name.removeprefix(prefix + ".").split(".")[0]
            for name, _ in own_imports(ast.parse(path.read_text()))
            if name.startswith(prefix + ".")
        }
        for stem, path in modules.items()
    }
    done: set[str] = set()

    def visit(stem: str, path: tuple[str, ...]) -> None:
        assert stem not in path, f"import cycle {' -> '.join((*path, stem))}"
        if stem in done or stem not in edges:
            return
        for target in edges[stem]:
            visit(target, (*path, stem))
        done.add(stem)

    for stem in edges:
        visit(stem, ())


def test_import_is_quick_and_leaves_torch_alone() -> None:
    code = "import sys, neuromanifold; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]


def test_every_public_name_is_there() -> None:
    import neuromanifold as nm

    for name in nm.__all__:
        assert getattr(nm, name) is not None
    with pytest.raises(AttributeError, match="it has"):
        nm.no_such_name
