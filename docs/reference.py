"""The API reference, written from what the package exports: one page a public module, and one of the command line.

A module is public if it is a folder or a file at the top of the package, or is itself in the ``__all__`` of one; what
it exports is what stands in its ``__all__``. There is no second list to keep. An object that two modules export is
described once, where a user meets it first, and the other page links to it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

import neuromanifold
from neuromanifold.cli import app

PACKAGE = "neuromanifold"
# Headings of the index, in the order of the data flow, and the modules below each; one whose name or parent stands
# nowhere comes under the last.
PARTS = {
    "The public names": [PACKAGE, f"{PACKAGE}._errors"],
    "Recordings": ["data"],
    "Templates and geometry": ["manifolds", "geometry", "distributions"],
    "Which manifold": ["topology"],
    "Models": ["models", "networks", "training"],
    "Curvature and its statistics": ["profile", "bands", "bootstrap", "statistics", "diagnostics"],
    "Networks": ["featuremaps", "compare", "comparison", "experiments"],
    "Whole analyses": ["analysis", "pipeline", "sessions", "report", "export", "storage", "benchmarks"],
}
# The command line has a page of its own; what starts with an underscore is private, but for the errors.
LEFT_OUT = {"cli", "__main__"}


def public_modules() -> list[str]:
    """Names of the modules that have a page, parents first."""
    found = [PACKAGE, f"{PACKAGE}._errors"]
    for info in pkgutil.iter_modules(neuromanifold.__path__):
        if not info.name.startswith("_") and info.name not in LEFT_OUT:
            found += _with_exported(f"{PACKAGE}.{info.name}")
    return list(dict.fromkeys(found))


def _with_exported(name: str) -> Iterator[str]:
    """A module, the modules it exports, and theirs; the benchmarks export none, and are all meant."""
    module = importlib.import_module(name)
    yield name
    for child in exported(module):
        value = getattr(module, child)
        if isinstance(value, ModuleType):
            yield from _with_exported(value.__name__)
    if name == f"{PACKAGE}.benchmarks":
        yield from (f"{name}.{info.name}" for info in pkgutil.iter_modules(module.__path__) if _runs(name, info.name))


def _runs(folder: str, name: str) -> bool:
    return "run" in exported(importlib.import_module(f"{folder}.{name}"))


def exported(module: ModuleType) -> list[str]:
    """What a module exports."""
    return list(getattr(module, "__all__", ()))


def write(folder: Path) -> None:
    """Write the pages of the reference and its index into a folder that is made for them."""
    folder.mkdir(parents=True, exist_ok=True)
    described: dict[Any, str] = {}
    modules = public_modules()
    pages = {name: _page(name, described) for name in modules}
    pages |= {"index": _index(modules), "command_line": _command_line()}
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        # Unchanged pages keep their time, so that a second build is quick.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.glob("*.rst")) - {folder / f"{name}.rst" for name in pages}:
        path.unlink()


def _page(name: str, described: dict[Any, str]) -> str:
    module = importlib.import_module(name)
    title = name.replace("._errors", ": errors")
    lines = [title, "=" * len(title), "", f".. automodule:: {name}", "   :no-members:", ""]
    linked, own, modules = [], [], []
    for child in exported(module):
        value = getattr(module, child)
        if isinstance(value, ModuleType):
            modules.append(f"* :py:mod:`{value.__name__}`: {_first_sentence(value)}")
        elif _key(value) in described:
            linked.append(f"* :py:obj:`{child} <{described[_key(value)]}>`: {_first_sentence(value)}")
        elif child != "__version__":
            described[_key(value)] = f"{name}.{child}"
            own += _directive(name, child, value)
    for heading, items in (("Modules", modules), ("Described elsewhere", linked)):
        if items:
            lines += [heading, "-" * len(heading), "", *items, ""]
    return "\n".join(lines + own)


def _key(value: object) -> object:
    """Functions and classes are one wherever they are exported; a constant is where it stands."""
    return value if inspect.isclass(value) or inspect.isfunction(value) else id(value)


def _directive(module: str, name: str, value: object) -> list[str]:
    heading = [name, "-" * len(name), ""]
    if inspect.isclass(value):
        return [*heading, f".. autoclass:: {module}::{name}", "   :members:", "   :show-inheritance:", ""]
    if inspect.isfunction(value):
        return [*heading, f".. autofunction:: {module}::{name}", ""]
    return [*heading, f".. py:data:: {module}.{name}", "", f"   {_constant(value)}", ""]


def _constant(value: object) -> str:
    """A constant in words: what a table or a list holds; a docstring there is only that of its type."""
    if isinstance(value, Mapping):
        return "By name: " + ", ".join(f"``{key}``" for key in value) + "."
    if isinstance(value, (tuple, list, set, frozenset)):
        return "One of: " + ", ".join(f"``{getattr(item, '__name__', item)}``" for item in value) + "."
    return f"``{value!r}``"


def _first_sentence(value: object) -> str:
    text = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
    return text if text.endswith((".", ":")) else text + "."


def _index(modules: list[str]) -> str:
    lines = ["Reference", "=========", "", "Every public name, from its docstring.", ""]
    left = list(modules)
    placed: dict[str, list[str]] = {}
    for heading, roots in PARTS.items():
        under = [name for root in roots for name in left if _belongs(name, root)]
        placed[heading], left = under, [name for name in left if name not in under]
    placed[heading] += left
    for heading, names in placed.items():
        lines += [heading, "-" * len(heading), "", ".. toctree::", "   :maxdepth: 1", ""]
        lines += [*(f"   {name}" for name in names), ""]
    return "\n".join([*lines, "Command line", "------------", "", ".. toctree::", "", "   command_line", ""])


def _belongs(name: str, root: str) -> bool:
    if root.startswith(PACKAGE):
        return name == root
    return f"{name}.".startswith(f"{PACKAGE}.{root}.")


def _command_line() -> str:
    """What ``--help`` says, of every command."""
    group = typer.main.get_command(app)
    lines = ["Command line", "============", ""]
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        context = command.make_context(f"neuromanifold {name}", [], resilient_parsing=True)
        text = command.get_help(context)
        lines += [
            name,
            "-" * len(name),
            "",
            ".. code-block:: text",
            "",
            *(f"   {line}" for line in text.splitlines()),
            "",
        ]
    return "\n".join(lines)
