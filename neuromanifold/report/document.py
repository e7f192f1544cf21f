"""The report as one HTML file: no network, figures inside; for desk, phone, paper and the dark.

Every text is escaped. A content security policy in the file forbids whatever would leave it, and every script but the
package's own viewer, which it knows by its digest. The viewer is ours, 150 lines on a canvas: a plotting library that
turns a manifold is a hundred times the page, and needs a policy that lets it compile code.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import os
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from neuromanifold.report.content import ReportContent
from neuromanifold.storage import write_text

__all__ = ["format_number", "image_uri", "render", "write"]

_MOST_SVG_BYTES = 300_000  # above it drawings of many points are smaller, and no worse, as PNG
_PNG_DPI = 200
N_OPEN = 3  # figures that are seen at once; the others are folded away


def render(content: ReportContent) -> str:
    """The page of a report, complete HTML.

    Parameters
    ----------
    content : ReportContent
        What it says.

    Returns
    -------
    str
        The same for the same content, byte for byte.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = format_number
    viewer = _resource("viewer.js")
    template = environment.from_string(_resource("template.html.j2"))
    return template.render(
        content=content,
        n_open=N_OPEN,
        viewer=Markup(viewer),
        viewer_digest=base64.b64encode(hashlib.sha256(viewer.encode()).digest()).decode(),
        images=[image_uri(picture.figure) for picture in content.figures],
        settings=list(_flat(content.settings)),
        paragraphs=[part for part in content.methods.split("\n\n") if part.strip()],
    )


def _resource(name: str) -> str:
    return resources.files("neuromanifold.report").joinpath(name).read_text(encoding="utf-8")


def write(path: str | os.PathLike[str], content: ReportContent) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises
    ------
    FileFormatError
        If the folder cannot be made or written to.
    """
    write_text(path, render(content))


def image_uri(figure: Figure) -> str:
    """A figure as a ``data:`` address, SVG where that is small, else PNG; the same bytes every time."""
    # Without the salt matplotlib names its elements at random.
    with matplotlib.rc_context({"svg.hashsalt": "neuromanifold", "svg.fonttype": "path"}):
        drawing = _saved(figure, format="svg", metadata={"Date": None, "Creator": None})
    if len(drawing) <= _MOST_SVG_BYTES:
        return f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}"
    bitmap = _saved(figure, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(bitmap).decode()}"


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    # Transparent: the page puts its own paper behind, less bright in the dark.
    figure.savefig(buffer, transparent=True, **options)
    return buffer.getvalue()


def format_number(value: Any) -> str:
    """Three significant digits; whole numbers in full; words as they are; ``unknown`` for NaN."""
    if isinstance(value, str):
        return value
    number = float(value)
    if math.isnan(number):
        return "unknown"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if number == round(number) and abs(number) < 1e7:
        text = f"{round(number):,}".replace(",", "\u202f")
    elif 1e-3 <= abs(number) < 1e5:
        digits = max(0, 2 - math.floor(math.log10(abs(number))))
        text = f"{number:.{digits}f}"
    else:
        mantissa, exponent = f"{number:.2e}".split("e")
        text = f"{mantissa}·10^{int(exponent)}"
    return text.replace("-", "−")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value)
