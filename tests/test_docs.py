"""The reference: every public name is in it, from its docstring; the pages are built by ``.ci/run``."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import neuromanifold as nm

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """The pages of the reference by the name of their module."""
    sys.path.insert(0, str(DOCS))
    try:
        reference = importlib.import_module("reference")
    finally:
        sys.path.remove(str(DOCS))
    folder = tmp_path_factory.mktemp("api")
    reference.write(folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.rst")}


def folders() -> list[str]:
    """Every folder of the package that exports something, at any depth; the command line's is for its programs."""
    names = [info.name for info in pkgutil.walk_packages(nm.__path__, "neuromanifold.") if info.ispkg]
    public = [
        name for name in names if not any(part.startswith("_") for part in name.split(".")) and ".cli" not in name
    ]
    return [name for name in public if hasattr(importlib.import_module(name), "__all__")]


def described(page: str, module: str, name: str) -> bool:
    """Whether a page has the docstring of a name, or a link to it."""
    return any(
        text in page
        for text in (f":: {module}::{name}\n", f":: {module}.{name}\n", f"`{name} <", f":`{module}.{name}`")
    )


def test_every_public_name_is_in_the_reference(pages):
    names = {"neuromanifold": [name for name in nm.__all__ if name != "__version__"]}
    # The readers are reached through `load`, and what a folder of readers exports is for those who add one.
    names |= {name: importlib.import_module(name).__all__ for name in folders() if not name.endswith(".readers")}
    for module, exported in names.items():
        for name in exported:
            home = getattr(importlib.import_module(module), name)
            text = f":`{home.__name__}`" if isinstance(home, ModuleType) else None
            found = text in pages[module] if text else described(pages[module], module, name)
            assert found, f"{module}.{name} is not on the page of {module}"


def test_every_page_is_in_the_index(pages):
    listed = {line.strip() for line in pages["index"].splitlines()}
    assert pages.keys() - {"index"} <= listed


def test_command_line_page_has_every_command(pages):
    for command in ("analyze", "analyze-many", "beside", "benchmark", "demo", "featuremaps", "info", "topology"):
        assert f"\n{command}\n{'-' * len(command)}\n" in pages["command_line"]


def test_citation_and_changelog_are_of_this_version():
    citation = (DOCS.parent / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {nm.__version__}\n" in citation
    assert "\nlicense: BSD-3-Clause\n" in citation
    assert f"\n## {nm.__version__} " in (DOCS.parent / "CHANGELOG.md").read_text(encoding="utf-8")
