"""Geodesic distances between all pairs of many points, on the image of a map.

Curves (k = 1): exactly, by the arc length from each point to the next. Otherwise by Dijkstra's algorithm
on a graph: the points and a cloud of nodes that covers the template (or the points alone, for a map
without one), each joined to its nearest neighbours by a short curve whose length is integrated. Paths in
the graph zigzag, so these distances are too long, by about one per cent with the default numbers;
:func:`~neuromanifold.geometry.geodesics.geodesic` gives single distances to many digits.
"""

from __future__ import annotations

import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import Map
from neuromanifold.geometry.curves import segment_lengths
from neuromanifold.geometry.derivatives import as_points
from neuromanifold.geometry.forms import AmbientMetric
from neuromanifold.geometry.immersion import Immersion
from neuromanifold.manifolds import Euclidean, Manifold

__all__ = ["distance_matrix"]


def distance_matrix(
    f: Map,
    u: Tensor,
    *,
    ambient: AmbientMetric = None,
    on_points: bool = False,
    n_nodes: int = 4000,
    n_neighbors: int = 48,
) -> Tensor:
    """Geodesic distances of the pullback metric between all pairs of n points: ``(n, n)``.

    Parameters
    ----------
    f : Immersion or callable
        The map. For an Immersion curves may run anywhere on its template; for any other map (k ≥ 2), in
        the region that the points cover.
    u : Tensor (n, k)
        Points, in intrinsic coordinates.
    ambient : Tensor (d, d) or callable, optional
        Ambient metric.
    on_points : bool
        For an Immersion: ``u`` are points ``(n, m)`` of the template's embedding.
    n_nodes : int
        Nodes that cover the template, besides the points.
    n_neighbors : int
        Neighbours that each node is joined to. More make distances more accurate, not less.

    Raises
    ------
    InputError
        If the graph falls into pieces, or a number is out of its range.
    """
    check_whole("n_nodes", n_nodes, 0)
    check_whole("n_neighbors", n_neighbors, 1)
    template = f.template if isinstance(f, Immersion) else Euclidean(as_points(u).shape[-1])
    points = as_points(u).to(torch.float64)
    z = points if on_points or not isinstance(f, Immersion) else template.embed(points)
    push = f.on_points if isinstance(f, Immersion) else f
    if template.dim == 1:
        return _along_curve(push, template, z, ambient)
    return _through_graph(push, template, _with_nodes(template, z, n_nodes), len(z), ambient, n_neighbors)


def _pieces(push: Map, template: Manifold, starts: Tensor, ends: Tensor, ambient: AmbientMetric) -> Tensor:
    """Lengths of the images of the short template geodesics between points ``(n, m)``, drawn on the cover."""
    cover = template.cover
    m = cover.embedding_dim
    z, lifts = template.lifts(starts)[0], template.lifts(ends)
    nearest = cover.distance(z, lifts).argmin(0)
    w = lifts[nearest, torch.arange(len(z), device=z.device)]

    def along(x: Tensor) -> Tensor:
        t, z, w = x[..., :1], x[..., 1 : m + 1], x[..., m + 1 :]
        return push(template.from_cover(cover.project((1 - t) * z + t * w)))

    return segment_lengths(along, torch.cat([z, w], dim=1), ambient=ambient)


def _along_curve(push: Map, template: Manifold, z: Tensor, ambient: AmbientMetric) -> Tensor:
    """Arc lengths; the shorter way round on a closed curve."""
    is_closed = not isinstance(template, Euclidean)
    order = template.angles(z)[:, 0].argsort()
    nodes = template.angles(z)[order, 0]
    gaps = torch.cat([nodes[1:], nodes[:1] + (template.periods[0] or 0.0)]) - nodes
    # Arcs that are cut fine enough for the quadrature of each piece to be exact to rounding on smooth curves.
    n_cuts = int((gaps.abs().max() / _FINEST).ceil().clamp(1, 4000))
    steps = torch.arange(n_cuts + 1).to(nodes) / n_cuts
    cuts = template.embed((nodes[:, None] + gaps[:, None] * steps)[..., None])
    pieces = _pieces(push, template, cuts[:, :-1].flatten(0, 1), cuts[:, 1:].flatten(0, 1), ambient)
    arcs = pieces.reshape(len(z), n_cuts).sum(1)
    position = torch.zeros_like(nodes)
    position[order] = torch.cat([arcs.new_zeros(1), arcs[:-1].cumsum(0)])
    distance = (position[:, None] - position).abs()
    return torch.minimum(distance, arcs.sum() - distance) if is_closed else distance


_FINEST = 0.02


def _with_nodes(template: Manifold, z: Tensor, n_nodes: int) -> Tensor:
    """The points, and nodes that cover a closed template."""
    if isinstance(template, Euclidean):
        return z
    nodes = template.sample(n_nodes, torch.Generator().manual_seed(0))
    return torch.cat([z, nodes.to(z)])


def _through_graph(
    push: Map, template: Manifold, nodes: Tensor, n: int, ambient: AmbientMetric, n_neighbors: int
) -> Tensor:
    starts, ends = _edges(nodes, n, n_neighbors)
    lengths = _pieces(push, template, nodes[starts.to(nodes.device)], nodes[ends.to(nodes.device)], ambient)
    graph = coo_array((lengths.cpu().numpy(), (starts.numpy(), ends.numpy())), shape=(len(nodes), len(nodes)))
    distance = torch.from_numpy(dijkstra(graph.tocsr(), directed=False, indices=range(n))[:, :n])
    if not bool(torch.isfinite(distance).all()):
        raise InputError(
            f"the points fall into pieces that {n_neighbors} neighbours do not join; "
            "give more points or a larger n_neighbors"
        )
    return torch.minimum(distance, distance.mT).to(nodes)


def _edges(nodes: Tensor, n: int, n_neighbors: int) -> tuple[Tensor, Tensor]:
    """Pairs of neighbours; the first n nodes, where paths begin and end, have four times as many."""
    nodes = nodes.cpu()
    tree = cKDTree(nodes.numpy())
    starts, ends = [], []
    for some, number in ((nodes, n_neighbors), (nodes[:n], 4 * n_neighbors)):
        _, neighbors = tree.query(some.numpy(), k=min(number + 1, len(nodes)))
        starts.append(torch.arange(len(some)).repeat_interleave(neighbors.shape[1] - 1))
        ends.append(torch.from_numpy(neighbors[:, 1:].reshape(-1).copy()))
    pairs = torch.stack([torch.cat(starts), torch.cat(ends)]).sort(0).values.unique(dim=1)
    return pairs[0], pairs[1]
