"""Settings of the documentation: ``sphinx-build -W docs docs/_build`` (``pip install -e ".[docs]"``).

Builds offline and with warnings as errors; a reference to a name of the package that does not exist is one. Nothing of
another project is linked to, so no inventory is fetched.
"""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import get_node_source

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

import gallery  # noqa: E402
import reference  # noqa: E402

import neuromanifold  # noqa: E402

project = "neuromanifold"
author = "The neuromanifold developers"
copyright = author
release = version = neuromanifold.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_title = "neuromanifold"
html_theme = "pydata_sphinx_theme"
html_theme_options = {"navigation_with_keys": False, "show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False

nitpicky = True
# A word in the type of an attribute, such as "shape", may be the name of several things; it is meant for people.
suppress_warnings = ["ref.python"]
# |H| is a number in prose, not a substitution.
rst_prolog = r".. |H| replace:: \|H\|"
myst_heading_anchors = 3
# Tutorials are run by the tests; here they are read.
nb_execution_mode = "off"

autodoc_member_order = "bysource"
# Docstrings state types with their shapes and units; signatures keep names and defaults only.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autoclass_content = "class"
napoleon_google_docstring = False
# Types in docstrings are words for people, not references.
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = False


def generate(app: Sphinx) -> None:
    """What comes from elsewhere: the reference from the package, tutorials from their folder, figures of the gallery.

    The figures take most of the time, so they are drawn only where there are none; ``rm -r docs/gallery`` asks for new
    ones.
    """
    reference.write(DOCS / "api")
    tutorials = DOCS / "tutorials"
    tutorials.mkdir(exist_ok=True)
    for path in (DOCS.parent / "tutorials").glob("*.ipynb"):
        shutil.copy(path, tutorials)
    if not (DOCS / "gallery").exists():
        gallery.draw(DOCS / "gallery")


def existing(app: Sphinx, environment: BuildEnvironment, node: Element, content: Element) -> Element | None:
    """A reference to something of the package that has no page, or to another project, is shown as it is.

    Types in fields are words for people and are shown as well; a role whose target cannot be imported is left to be
    reported.
    """
    if "refwarn" not in node:  # made from a field, not written as a role
        return content
    # As seen from where the docstring stands: its function or class, the module that defines it, the package.
    home = get_node_source(node).rpartition("docstring of ")[2].split(".")
    scopes = [".".join(home[:n]) for n in range(len(home), 0, -1)]
    target = node["reftarget"]
    return content if any(_exists(name) for name in (target, *(f"{scope}.{target}" for scope in scopes))) else None


def _exists(name: str) -> bool:
    parts = name.split(".")
    for n_module in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:n_module]))
        except ImportError:
            continue
        for part in parts[n_module:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def skip(app: Sphinx, what: str, name: str, value: object, left_out: bool, options: object) -> bool | None:
    """Leave out what scikit-learn adds to every estimator for its metadata routing, and torch to every module."""
    added = re.fullmatch(r"set_\w+_request|get_metadata_routing", name) or (name == "forward" and not value.__doc__)
    return True if added else None


def formulas(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Indented blocks above a docstring's sections are formulas: shown letter by letter."""
    sections = [i for i, line in enumerate(lines) if re.fullmatch(r"-{3,}", line.strip())]
    for i in range(sections[0] - 1 if sections else len(lines) - 1, 1, -1):
        before, starts = lines[i - 2].strip(), lines[i].startswith("    ") and not lines[i - 1].strip()
        if starts and before and not lines[i - 2].startswith((" ", "..")) and not before.endswith("::"):
            lines[i:i] = ["::", ""]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", formulas, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip)
    app.connect("builder-inited", generate)
    app.connect("missing-reference", existing)
