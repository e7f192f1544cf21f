"""The look of the figures: one size, one set of colours, axes that know what an angle is.

Colours: viridis for curvature and grey to black for density, even in lightness; twilight for angles, whose ends meet;
orange to purple, white at zero, for signed curvature; blue and vermilion of Okabe & Ito (2008) for two kinds. All are
told apart by colour-blind readers. Nothing here touches pyplot, or matplotlib's settings outside a drawing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

__all__ = [
    "ACCENT",
    "BAND",
    "CURVATURE_MAP",
    "CYCLIC_MAP",
    "DENSITY_MAP",
    "DPI",
    "FAINT",
    "HEIGHT",
    "HIGHLIGHT",
    "SIGNED_MAP",
    "STAGES",
    "WIDTH",
    "angle_axis",
    "drawn",
    "label",
    "math_angle",
    "new_axes",
    "plain",
]

CURVATURE_MAP = "viridis"
CYCLIC_MAP = "twilight"
SIGNED_MAP = "PuOr_r"
DENSITY_MAP = "Greys"
ACCENT = "#0072B2"
HIGHLIGHT = "#D55E00"
BAND = "#9CC7E4"
FAINT = "#9A9A9A"
STAGES = (FAINT, ACCENT, HIGHLIGHT)  # of training, from the first
WIDTH, HEIGHT = 4.8, 3.8  # inches: legible when a phone shows the figure at three quarters
DPI = 150

_STYLE: Any = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.usetex": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}

P = ParamSpec("P")
R = TypeVar("R")


def drawn(function: Callable[P, R]) -> Callable[P, R]:
    """Draw with this module's style, and leave matplotlib's settings as they were."""

    @functools.wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(_STYLE):
            return function(*args, **kwargs)

    return styled


def new_axes(height: float | None = None, projection: str | None = None) -> Axes:
    """Axes of a figure of their own, ``height`` inches high."""
    figure = Figure(figsize=(WIDTH, height or HEIGHT), dpi=DPI, layout="constrained")
    return figure.add_subplot(projection=projection)


def plain(text: object, limit: int = 40) -> str:
    """A name as it is, not as mathematics: dollars escaped, one line, long ones cut in the middle."""
    flat = " ".join(str(text).split())
    if len(flat) > limit:
        keep = limit - 1
        flat = flat[: keep - keep // 3] + "…" + flat[-(keep // 3) :]
    return flat.replace("$", r"\$")


def label(name: object, units: object = "") -> str:
    """``name (units)``, or the name alone where there are no units."""
    text = str(units or "").strip()
    return f"{plain(name)} ({plain(text, 24)})" if text and text != "1" else plain(name)


def math_angle(value: float) -> str:
    """An angle in radians as a fraction of π."""
    share = Fraction(value / math.pi).limit_denominator(12)
    if share == 0:
        return "0"
    top = {1: "π", -1: "−π"}.get(share.numerator, f"{share.numerator}π".replace("-", "−"))
    return top if share.denominator == 1 else f"{top}/{share.denominator}"


def angle_axis(axis: Axis, units: str, period: float | None = None) -> None:
    """Ticks at quarter turns: multiples of π for radians, degrees for degrees; other units are left alone."""
    unit = units.strip().lower()
    if unit in {"rad", "radian", "radians"}:
        axis.set_major_locator(MultipleLocator(0.5 * math.pi))
        axis.set_major_formatter(FuncFormatter(lambda value, _: math_angle(value)))
    elif unit in {"deg", "degree", "degrees", "°"}:
        axis.set_major_locator(MultipleLocator(45.0 if period is not None and period <= 180.0 else 90.0))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}°"))
