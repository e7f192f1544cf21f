"""Templates: the manifolds a neural manifold can be an image of.

``TEMPLATES`` is the single list of them; classifiers, models, commands and tests iterate over it.
"""

from __future__ import annotations

import re

from neuromanifold._errors import InputError
from neuromanifold.manifolds.base import Grid, Manifold
from neuromanifold.manifolds.euclidean import Euclidean
from neuromanifold.manifolds.harmonics import Harmonics
from neuromanifold.manifolds.isometries import Isometries
from neuromanifold.manifolds.klein import KleinBottle
from neuromanifold.manifolds.projective import ProjectivePlane
from neuromanifold.manifolds.quotient import Quotient
from neuromanifold.manifolds.sphere import Sphere
from neuromanifold.manifolds.torus import Torus

__all__ = [
    "TEMPLATES",
    "Euclidean",
    "Grid",
    "Harmonics",
    "Isometries",
    "KleinBottle",
    "Manifold",
    "ProjectivePlane",
    "Quotient",
    "Sphere",
    "Torus",
    "resolve",
]

TEMPLATES: tuple[Manifold, ...] = (
    Euclidean(2),
    Sphere(1),
    Sphere(2),
    Torus(2),
    KleinBottle(),
    ProjectivePlane(),
)

_FAMILIES: dict[str, type[Euclidean] | type[Sphere] | type[Torus]] = {
    "euclidean": Euclidean,
    "sphere": Sphere,
    "torus": Torus,
}


def resolve(template: str | Manifold) -> Manifold:
    """The template of a name, or the template itself.

    Parameters
    ----------
    template : str or Manifold
        A name of :data:`TEMPLATES` ("contractible", "circle", "sphere", "torus", "klein", "projective"),
        a family with its dimension ("euclidean(3)", "sphere(3)", "torus(3)"), or a template.

    Raises
    ------
    InputError
        If there is no such template; the message lists those there are.
    """
    if isinstance(template, Manifold):
        return template
    named = {known.name: known for known in TEMPLATES}
    if isinstance(template, str) and template in named:
        return named[template]
    family = re.fullmatch(r"(\w+)\((\d+)\)", template) if isinstance(template, str) else None
    if family and family[1] in _FAMILIES:
        return _FAMILIES[family[1]](int(family[2]))
    families = ", ".join(f'"{name}(k)"' for name in _FAMILIES)
    raise InputError(
        f"unknown template {template!r}; use one of {', '.join(map(repr, named))}, a family {families}, "
        "or a template of neuromanifold.manifolds"
    )
