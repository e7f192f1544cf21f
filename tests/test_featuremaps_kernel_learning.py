"""Kernel learning: scikit-learn's contract, metrics against differentiation, and what learning does to volumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numeric import close, normal
from sklearn.datasets import make_moons
from sklearn.svm import SVC
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.kernel_learning import (
    AmariWuClassifier,
    RecursiveFeatureMachine,
    SelfSupervisedKernel,
    volume_change,
)
from neuromanifold.featuremaps.kernels import RBF, ArcCosine, Polynomial, SmoothLaplace, as_kernel

BASES = [RBF(0.8), Polynomial(2, 1.0), ArcCosine(2)]


def moons(n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    return make_moons(n, noise=0.1, random_state=0)


def learned(kind: str, base: Kernel | None) -> Kernel:
    X, y = moons(30)
    if kind == "svm":
        return AmariWuClassifier(base, n_iterations=2, bandwidth=0.7).fit(X, y).kernel_
    if kind == "recursive":
        return RecursiveFeatureMachine(base, n_iterations=2).fit(X, y - 0.5).kernel_
    return SelfSupervisedKernel(2, kernel=base, random_state=0).fit(X).kernel_


@pytest.mark.parametrize("kind", ["svm", "recursive", "pairs"])
@pytest.mark.parametrize("base", BASES, ids=lambda k: type(k).__name__)
def test_metric_is_the_derivative_of_the_learned_kernel(kind: str, base: Kernel) -> None:
    kernel, x = learned(kind, base), normal(2, 2, seed=1) / 2
    step = 1e-3

    def difference(h: Tensor, k: Tensor) -> Tensor:
        """Fourth-order central difference of ∂_h ∂_k at y = x; away from the diagonal nothing lies."""
        weights = ((2, -1 / 12), (1, 2 / 3), (-1, -2 / 3), (-2, 1 / 12))
        return sum(a * b * kernel.gram(x + i * step * h, x + j * step * k).diagonal()
                   for i, a in weights for j, b in weights) / step**2  # fmt: skip

    eye = torch.eye(2, dtype=torch.float64)
    numeric = torch.stack([torch.stack([difference(h, k) for k in eye], -1) for h in eye], -2)
    close(kernel.metric(x), numeric, 1e-5)
    close(kernel.diagonal(x), kernel(x).diagonal(), 1e-12)


@pytest.mark.parametrize("base", [*BASES, SmoothLaplace(0.8, 0.2)], ids=lambda k: type(k).__name__)
def test_slopes_of_kernels(base: Kernel) -> None:
    x, y = normal(3, 2, seed=2), normal(4, 2, seed=3)
    step = 1e-5 * torch.eye(2, dtype=torch.float64)
    numeric = torch.stack([(base.gram(x + h, y) - base.gram(x - h, y)) / 2e-5 for h in step], -1)
    close(base.slopes(x, y), numeric, 1e-7)
    numeric = torch.stack([(base.diagonal(x + h) - base.diagonal(x - h)) / 2e-5 for h in step], -1)
    close(base.diagonal_slope(x), numeric, 1e-7)
    assert torch.isfinite(base.slopes(y, y)).all()


def test_svm_without_rounds_is_an_svm() -> None:
    X, y = moons()
    ours = AmariWuClassifier(RBF(0.5), n_iterations=0).fit(X, y)
    theirs = SVC(kernel="rbf", gamma=2.0).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-6)


def test_no_kernel_is_that_of_the_svm() -> None:
    """``gamma="scale"``, 1 / (D Var X): ``ℓ² = D Var(X)/2``."""
    X, y = moons()
    X = X * [1.0, 3.0] + [0.0, 5.0]
    theirs = SVC(kernel="rbf", gamma="scale").fit(X, y)
    ours = AmariWuClassifier(n_iterations=0).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-6)
    assert ours.bandwidth_ == pytest.approx((X.var() / 2) ** 0.5)


def test_svm_round_multiplies_the_kernel_around_its_support_vectors() -> None:
    X, y = moons()
    first = AmariWuClassifier(RBF(0.5), n_iterations=0, bandwidth=0.3).fit(X, y)
    second = AmariWuClassifier(RBF(0.5), n_iterations=1, bandwidth=0.3).fit(X, y)
    x = torch.as_tensor(X[:5])
    away = ((x[:, None] - torch.as_tensor(first.support_vectors_)) ** 2).sum(-1)
    h = torch.exp(-away / (2 * 0.3**2)).sum(-1)
    close(second.kernel_(x), h[:, None] * h * RBF(0.5)(x), 1e-12)


def test_svm_magnifies_its_boundary() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    X = np.where(y, 1.5, -1.5)[:, None] * [1, 0] + 0.6 * rng.normal(size=(120, 2))
    machine = AmariWuClassifier(RBF(1.5), n_iterations=1, bandwidth=0.8, C=10.0).fit(X, y)
    assert machine.score(X, y) > 0.95
    line = np.stack([np.linspace(-2.5, 2.5, 51), np.zeros(51)], -1)
    change = volume_change(machine, line)
    boundary = int(np.abs(change["decision"].to_numpy()).argmin())
    assert abs(int(change["change"].to_numpy().argmax()) - boundary) < 10
    assert change["change"][boundary] > change["change"][[0, 50]].max() + 1
    np.testing.assert_allclose(change["change"], change["log_volume_after"] - change["log_volume_before"])
    np.testing.assert_allclose(change["log_volume_before"], -2 * np.log(1.5))


def test_far_from_all_support_vectors_the_volume_is_still_finite() -> None:
    X, y = moons()
    machine = AmariWuClassifier(n_iterations=1, bandwidth=0.2).fit(X, y)
    close(machine.kernel_.log_factor(torch.tensor([[30.0, 0.0]], dtype=torch.float64)).isfinite().double(),
          torch.ones(1, dtype=torch.float64))  # fmt: skip
    assert machine.log_volume([[2.5, 1.5]]).isfinite().all()


def test_recursive_features_find_the_direction_that_matters() -> None:
    X = np.random.default_rng(0).normal(size=(150, 4))
    y = np.tanh(2 * X[:, 1])
    machine = RecursiveFeatureMachine(n_iterations=3).fit(X, y)
    assert machine.M_[1, 1] / np.trace(machine.M_) > 0.98
    plain = RecursiveFeatureMachine(n_iterations=0).fit(X, y)
    test = np.random.default_rng(1).normal(size=(200, 4))
    truth = np.tanh(2 * test[:, 1])
    assert machine.score(test, truth) > max(0.98, plain.score(test, truth))


def test_recursive_features_in_formulas() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    Y = np.stack([X[:, 0] ** 2, X[:, 1]], -1)
    one = RecursiveFeatureMachine(RBF(1.3), n_iterations=1, ridge=0.1).fit(X, Y)
    points, eye = torch.as_tensor(X), torch.eye(20, dtype=torch.float64)
    alpha = torch.linalg.solve(RBF(1.3)(points) + 0.1 * eye, torch.as_tensor(Y))
    gradients = torch.func.vmap(torch.func.jacrev(lambda p: RBF(1.3).gram(p[None], points)[0] @ alpha))(points)
    M = torch.einsum("nca,ncb->ab", gradients, gradients) / 20
    close(torch.as_tensor(one.M_), M, 1e-10)
    close(one.metric(points[:2]), (M / 1.3**2).expand(2, 3, 3), 1e-9)
    away = points[0] - points[1]
    close(one.kernel_(points[0], points[1]), torch.exp(-(away @ M @ away) / (2 * 1.3**2)), 1e-10)
    base = ArcCosine(2)
    other = RecursiveFeatureMachine(base, n_iterations=1, ridge=0.1).fit(X, Y)
    root = torch.as_tensor(np.linalg.cholesky(other.M_))
    turned = torch.linalg.solve_triangular(root, torch.linalg.matrix_power(_root(other.M_), 1), upper=False)
    close(turned @ turned.mT, torch.eye(3, dtype=torch.float64), 1e-8)
    close(other.kernel_.scalar_curvature(points[:1]), base.scalar_curvature(points[:1] @ _root(other.M_)), 1e-7)


def _root(M: np.ndarray) -> Tensor:
    values, vectors = np.linalg.eigh(M)
    return torch.as_tensor((vectors * np.sqrt(values)) @ vectors.T)


def test_pairs_in_formulas() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    partners = X + 0.1 * rng.normal(size=X.shape)
    base = RBF(0.7)
    model = SelfSupervisedKernel(3, kernel=base).fit_pairs(X, partners)
    both = np.concatenate([X, partners])
    K = base(both).numpy()
    values, vectors = np.linalg.eigh(K)
    root, inverse = (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T
    swap = np.kron([[0, 1], [1, 0]], np.eye(12))
    lam, U = np.linalg.eigh(root @ swap @ root / 24)
    B = inverse @ (U[:, -3:] / lam[-3:]) @ U[:, -3:].T @ inverse
    np.testing.assert_allclose(model.eigenvalues_, lam[::-1][:3], rtol=1e-8)
    x = rng.normal(size=(4, 2))
    k = base(x, both).numpy()
    np.testing.assert_allclose(model.kernel_(x).numpy(), k @ B @ k.T, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.transform(x) @ model.transform(x).T, k @ B @ k.T, rtol=1e-6, atol=1e-8)
    assert model.kernel_.rank(x).tolist() == [2] * 4
    assert SelfSupervisedKernel(1, kernel=base).fit_pairs(X, partners).kernel_.rank(x).tolist() == [1] * 4


def test_pairs_embed_alike() -> None:
    X, _ = moons()
    model = SelfSupervisedKernel(2, augment=lambda X, rng: X + 0.05 * rng.normal(size=X.shape), random_state=0).fit(X)
    a, b = model.transform(X), model.transform(X + 0.05 * np.random.default_rng(1).normal(size=X.shape))
    assert ((a - b) ** 2).sum() < 0.1 * ((a - a.mean(0)) ** 2).sum()


def test_units_of_the_points_do_not_matter() -> None:
    """The default kernel and the augmentation are both in units of the data."""
    X, _ = moons(40)
    one, other = (SelfSupervisedKernel(2, random_state=0).fit(scale * X).transform(scale * X) for scale in (1, 10))
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6 * np.abs(one).max())


def test_volume_change_of_regressors_has_no_decision() -> None:
    X, y = moons(40)
    change = volume_change(RecursiveFeatureMachine().fit(X, y), X[:3])
    assert "decision" not in change
    assert change["x"].shape == (3, 2)


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda X, y: AmariWuClassifier(bandwidth=0.0).fit(X, y), "bandwidth"),
        (lambda X, y: AmariWuClassifier(n_iterations=-1).fit(X, y), "n_iterations"),
        (lambda X, y: RecursiveFeatureMachine(ridge=0.0).fit(X, y), "ridge"),
        (
            lambda X, y: RecursiveFeatureMachine(lambda a, b: torch.exp(-(torch.linalg.vector_norm(a - b) ** 0.5))).fit(
                X, y
            ),
            "smooth",
        ),
        (lambda X, y: SelfSupervisedKernel(500).fit(X), "number of pairs"),
        (lambda X, y: SelfSupervisedKernel(augment=-1.0).fit(X), "augment"),
        (lambda X, y: SelfSupervisedKernel().fit_pairs(X, X[:5]), "one partner"),
        (lambda X, y: SelfSupervisedKernel(10, kernel=as_kernel(lambda a, b: a @ b)).fit(X), "fewer components"),
    ],
)
def test_wrong_settings(fit, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit(*moons(20))
