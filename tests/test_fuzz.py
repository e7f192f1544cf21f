"""Fuzzing: whatever comes in, an error of the package or numbers that are finite; no crash, no silent NaN.

A few hundred examples, always the same; ``NEUROMANIFOLD_FUZZ=30`` tries thirty times as many, 12,000, other ones each
time.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import warnings
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import gammaln, ive

import neuromanifold as nm
from neuromanifold import geometry, report
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.benchmarks.robustness.files import SOUND
from neuromanifold.cli.console import plain
from neuromanifold.data.recording import as_recording
from neuromanifold.distributions import VonMisesFisher
from neuromanifold.report.content import Number, ReportContent, Table

TIMES = int(os.environ.get("NEUROMANIFOLD_FUZZ", "1"))
pytestmark = pytest.mark.filterwarnings("ignore")


def examples(n: int):
    """So many examples of a property, times ``NEUROMANIFOLD_FUZZ``."""
    return settings(
        max_examples=n * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def refusal():
    """The package's own errors pass, all others are failures."""
    return contextlib.suppress(FileFormatError, InputError)


# ---- readers: bytes of sound files changed, cut and repeated ----

# Damage inside HDF5 can hang its own library, so those files are cut and appended to only.
CHANGED = ("x.npz", "x.npy", "x.mat", "x3.nc", "x.csv")
CUT = ("x.h5", "x.nc", "x.nwb")


@functools.cache
def whole(name: str) -> bytes:
    with TemporaryDirectory() as folder:
        SOUND[name](Path(folder) / name)
        return (Path(folder) / name).read_bytes()


@st.composite
def damaged(draw, name: str) -> bytes:
    data = bytearray(whole(name))
    if name in CHANGED:
        for at, value in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=20)):
            data[at] = value
    kept = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    return bytes(data[:kept]) + draw(st.binary(max_size=20))


@pytest.mark.parametrize("name", [*CHANGED, *CUT])
def test_damaged_files_load_or_are_refused(name: str, tmp_path: Path) -> None:
    @examples(15)
    @given(damaged(name))
    def check(data: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        with refusal():
            recording = nm.load(path, bin_size=0.5 if name == "x.nwb" else None)
            assert np.isfinite(recording["activity"].to_numpy()).all()
            assert (np.diff(recording["time"]) > 0).all()

    check()


@examples(20)
@given(st.binary(max_size=300), st.sampled_from([*SOUND, "x.tsv", "x.hdf5"]))
def test_any_bytes_load_or_are_refused(data: bytes, name: str) -> None:
    with TemporaryDirectory() as folder, refusal():
        (Path(folder) / name).write_bytes(data)
        assert np.isfinite(nm.load(Path(folder) / name)["activity"].to_numpy()).all()


# ---- recordings ----

DTYPES = st.sampled_from(["f8", "f4", "i8", "u1", "?", "U3", "c16", "O", "M8[s]"]).map(np.dtype)
ANY_FLOATS = {"allow_nan": True, "allow_infinity": True}


def arrays(shape, dtype=None):
    kinds = DTYPES if dtype is None else st.just(np.dtype(dtype))
    return kinds.flatmap(lambda kind: hnp.arrays(kind, shape, elements=_elements(kind)))


def _elements(kind: np.dtype):
    if kind.kind == "O":
        return st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3))
    if kind.kind == "f":
        return st.floats(width=8 * kind.itemsize, **ANY_FLOATS)
    return hnp.from_dtype(kind)


@st.composite
def pieces(draw):
    n, d = draw(st.integers(0, 8)), draw(st.integers(0, 4))
    rows = st.one_of(st.just((n,)), hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=8))
    some = st.one_of(st.none(), rows.flatmap(arrays))
    shape = draw(st.one_of(st.just((n, d)), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6)))
    return draw(arrays(shape)), draw(some), draw(some), draw(some), draw(st.one_of(st.none(), st.floats()))


@examples(60)
@given(pieces(), st.sampled_from([None, "counts", "rate", "continuous"]))
def test_recordings_keep_the_contract_or_are_refused(parts, kind) -> None:
    activity, labels, time, interval, period = parts
    variables = None if labels is None else {"heading_rad": labels}
    with refusal():
        found = as_recording(
            activity, variables, time=time, interval=interval, sampling_period=period, kind=kind, units="a.u."
        )
        assert np.isfinite(found["activity"].to_numpy()).all()
        assert (np.diff(found["time"]) > 0).all()
        assert 0 < found.attrs["sampling_period"] < np.inf
        again = as_recording(found)
        np.testing.assert_array_equal(again["interval"], found["interval"])


@examples(40)
@given(
    hnp.arrays("f8", st.tuples(st.integers(2, 30), st.integers(2, 5)), elements=st.floats(0, 1e6, width=32)),
    st.one_of(st.none(), st.sampled_from([0.1, 0.2, 0.3, 1.0])),
    st.one_of(st.none(), st.floats(0, 3)),
    st.booleans(),
    st.one_of(st.none(), st.just("auto"), st.integers(1, 4)),
    st.one_of(st.none(), st.floats(0, 0.99)),
)
def test_prepared_activity_is_finite_or_refused(x, bin_size, smoothing, zscore, n_components, min_activity) -> None:
    recording = as_recording(x, sampling_period=0.1, kind="rate", units="Hz")
    with refusal(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", category=RuntimeWarning)
        prepared = nm.prepare(
            recording, bin_size, smoothing, zscore=zscore, n_components=n_components, min_activity=min_activity,
            random_state=0,
        )  # fmt: skip
        assert np.isfinite(prepared["activity"].to_numpy()).all()


# ---- geometry: random smooth immersions against a second formula ----


def coefficients(*shape: int):
    return hnp.arrays("f8", shape, elements=st.floats(-2, 2, width=32))


@examples(25)
@given(coefficients(3, 2, 3), st.floats(0, 6))
def test_curvature_of_any_curve_is_that_of_frenet(c, at) -> None:
    """|H| of a curve in space is ``|f' × f''| / |f'|³``."""
    k = np.arange(1, 4)[:, None]

    def curve(u):
        order, weight = torch.as_tensor(k[:, 0], dtype=u.dtype), torch.as_tensor(c)
        return torch.cos(order * u[0]) @ weight[:, 0] + torch.sin(order * u[0]) @ weight[:, 1]

    first = (k * (np.cos(k * at) * c[:, 1] - np.sin(k * at) * c[:, 0])).sum(0)
    second = -(k**2 * (np.cos(k * at) * c[:, 0] + np.sin(k * at) * c[:, 1])).sum(0)
    speed = np.linalg.norm(first)
    if speed < 1e-3:
        return
    found = float(geometry.mean_curvature(curve, torch.tensor([[at]], dtype=torch.float64)).norm())
    expected = np.linalg.norm(np.cross(first, second)) / speed**3
    scale = np.linalg.norm(second) / speed**2
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * scale + 1e-12)


@examples(15)
@given(coefficients(2, 6), st.floats(-1, 1), st.floats(-1, 1))
def test_curvature_of_any_surface_is_its_metric_s(c, x, y) -> None:
    """Scalar curvature by Gauss, from II, is that by Christoffel, from the metric alone."""
    weight = torch.as_tensor(c)

    def surface(u):
        x, y = u[0], u[1]
        terms = torch.stack([torch.sin(x), torch.cos(y), x * y, x**2, y**2, torch.sin(x + y)])
        return torch.cat([u, weight @ terms])

    def metric(u):
        jacobian = torch.func.jacfwd(surface)(u)
        return jacobian.mT @ jacobian

    point = torch.tensor([[x, y]], dtype=torch.float64)
    extrinsic, intrinsic = geometry.scalar_curvature(surface, point), geometry.intrinsic.scalar_curvature(metric, point)
    torch.testing.assert_close(extrinsic, intrinsic.reshape(extrinsic.shape), rtol=1e-7, atol=1e-9)


# ---- distributions ----


@examples(60)
@given(st.integers(2, 8), st.floats(-6, 6), st.integers(0, 2**31))
def test_von_mises_fisher_at_any_concentration(m, exponent, seed) -> None:
    """KL to the uniform law by scaled Bessel functions; draws of unit length; densities that are finite."""
    kappa = 10.0**exponent
    generator = torch.Generator().manual_seed(seed)
    loc = torch.randn(m, generator=generator, dtype=torch.float64)
    law = VonMisesFisher(loc, torch.tensor([kappa], dtype=torch.float64))
    draws = law.rsample((5,), generator)
    assert torch.isfinite(draws).all()
    torch.testing.assert_close(torch.linalg.vector_norm(draws, dim=-1), torch.ones(5, dtype=torch.float64))
    assert torch.isfinite(law.log_prob(draws)).all()
    found = float(law.kl_to_uniform())
    assert found >= 0
    if 1e-2 < kappa < 1e5:
        bessel, above = ive(m / 2 - 1, kappa), ive(m / 2, kappa)
        log_c = (m / 2 - 1) * math.log(kappa) - m / 2 * math.log(2 * math.pi) - math.log(bessel) - kappa
        log_area = math.log(2) + m / 2 * math.log(math.pi) - gammaln(m / 2)
        expected = kappa * above / bessel + log_c + log_area
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-10 * (1 + kappa))


# ---- report and command line: any words ----

WORDS = st.text(st.characters(codec=None, categories=["L", "N", "P", "S", "Z", "C"]), max_size=30)
WORDS_OR_MARKUP = st.one_of(
    WORDS,
    st.sampled_from(["<script>alert(1)</script>", "</style><b>", '"><img src=x onerror=y>', "{{ 7 * 7 }}", "-->"]),
)
VALUES = st.one_of(st.floats(), WORDS_OR_MARKUP)


class Skeleton(HTMLParser):
    """Elements of a page with the names of their attributes: all but the words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.parts.append((tag, tuple(name for name, _ in attrs)))


def page(words: list[str], value: float | str, path: Path) -> str:
    title, name, unit, meaning, caveat, cell, setting, methods = words
    content = ReportContent(
        title=title,
        verdict=name,
        numbers=(Number(name, value, unit=unit, meaning=meaning),),
        caveats=(caveat,),
        reasons=(meaning,),
        findings=(caveat, cell),
        references=(setting,),
        version=unit,
        seed=cell,
        tables=(Table(title, (name, unit), ((cell, value),)),),
        settings={setting: cell},
        methods=methods,
    )
    report.write(path, content)
    return path.read_text(encoding="utf-8")


@examples(25)
@given(st.lists(WORDS_OR_MARKUP.filter(str.strip), min_size=8, max_size=8), VALUES)
def test_no_words_change_the_page(words, value) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        usual, hostile = page(["word"] * 8, "word", path), page(words, value, path)
    assert Skeleton(hostile).parts == Skeleton(usual).parts


@examples(30)
@given(WORDS)
def test_no_words_leave_their_line_of_the_terminal(words) -> None:
    shown = plain(words)
    assert shown.isprintable()
    assert shown.isascii() or shown.encode("utf-8")
