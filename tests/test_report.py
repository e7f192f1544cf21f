"""Figures show what they are given, fit their paper, name their units; the page is whole and safe."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import resources

import matplotlib
import numpy as np
import pytest
import report_fakes as fakes
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from neuromanifold import report
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.featuremaps.bumps import field, three_units
from neuromanifold.report import figures, views
from neuromanifold.report.document import format_number, image_uri
from neuromanifold.report.figures.grid import folded
from neuromanifold.report.scene import scene
from neuromanifold.report.style import math_angle
from neuromanifold.report.tables import swept, votes

VERDICTS = ("circle", "torus", "sphere", "undecided")
NASTY = "<script>alert(1)</script>"


def latent_angle(rec: xr.Dataset) -> xr.DataArray:
    return fakes.latent(rec).isel(angle=0).assign_attrs(units="rad", period=fakes.TAU, long_name="latent angle")


def all_figures() -> dict[str, Figure]:
    rec, many = fakes.recording(), fakes.recording(d=140, n=400)
    prepared, latent = fakes.prepared(rec), fakes.latent(rec)
    axes = {
        "tuning": figures.tuning(views.tuning_view(rec["activity"], rec["head_direction"])),
        "tuning of many": figures.tuning(views.tuning_view(many["activity"], latent_angle(many))),
        "tuning to position": figures.tuning(views.tuning_view(rec["activity"], rec["position"])),
        "bars of a circle": figures.barcodes(fakes.bars("circle", degrees=1))[0],
        "bars of a torus": figures.barcodes(fakes.bars("torus"))[0],
        "diagrams of a circle": figures.diagrams(fakes.bars("circle", degrees=1))[0],
        "diagrams of a torus": figures.diagrams(fakes.bars("torus"))[0],
        "loops of a circle": figures.loops(fakes.loops(1)),
        "loops of a torus": figures.loops(fakes.loops(2)),
        "a loop in two components": figures.loops(fakes.loops(1, 2)),
        "latent": figures.latent_against(views.latent_view(latent, rec["head_direction"])),
        "latent and position": figures.latent_against(views.latent_view(latent, rec["position"])),
        "against": figures.curvature_against(fakes.against()),
        "similarity": figures.similarity(fakes.table(7)),
        "similarity of many": figures.similarity(fakes.table(12)),
        "beside": figures.curvature_beside(fakes.beside()),
        "bumps": figures.bump_field(field(three_units(0.5), n_steps=21)),
        "curvature of bumps": figures.bump_field(field(three_units(0.5), n_steps=21), "scalar_curvature"),
    }
    for template in ("circle", "torus", "sphere"):
        profile = fakes.profile(template)
        axes[f"profile {template}"] = figures.curvature_profile(profile)
        axes[f"scalar {template}"] = figures.curvature_profile(profile, "scalar_curvature")
        axes[f"manifold {template}"] = figures.manifold(views.manifold_view(prepared["activity"], profile))
    whole = {"conditions": figures.curvature_in_conditions(fakes.conditions())}
    return {name: ax.get_figure() for name, ax in axes.items()} | whole


FIGURES = all_figures()


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_leaves_the_paper(name, monkeypatch):
    figure, drawn, draw = FIGURES[name], [], Text.draw

    def recorded(self: Text, renderer: object) -> None:
        drawn.append(self)
        draw(self, renderer)

    monkeypatch.setattr(Text, "draw", recorded)
    FigureCanvasAgg(figure).draw()
    width, height = figure.bbox.size
    boxes = {t.get_text(): t.get_window_extent() for t in drawn if t.get_visible() and t.get_text().strip()}
    assert len(boxes) > 5
    for text, box in boxes.items():
        assert box.x0 > -1, text
        assert box.y0 > -1, text
        assert box.x1 < width + 1, text
        assert box.y1 < height + 1, text


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_title_and_named_axes(name):
    axes = FIGURES[name].findobj(matplotlib.axes.Axes)
    titles = [ax.get_title(loc) for ax in axes for loc in ("left", "center")]
    titles += [text.get_text() for text in FIGURES[name].texts]
    assert any(titles)
    labels = " ".join(ax.get_xlabel() + ax.get_ylabel() for ax in axes)
    # Units, or what has none.
    assert any(
        unit in labels for unit in ("rad", "deg", "spikes per bin", "(m)", "distance", "linear CKA", "input 1")
    ), labels


def test_a_drawing_leaves_matplotlib_as_it_was_and_needs_no_pyplot():
    before = dict(matplotlib.rcParams)
    figures.tuning(views.tuning_view(fakes.recording()["activity"], fakes.recording()["head_direction"]))
    assert dict(matplotlib.rcParams) == before
    code = "import sys, neuromanifold.report; print('matplotlib.pyplot' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_figures_draw_on_axes_they_are_given():
    figure = Figure()
    first, second = figure.subplots(1, 2)
    assert figures.curvature_profile(fakes.profile(), ax=first) is first
    assert figures.curvature_against(fakes.against(), ax=second).get_figure() is figure
    cube = Figure().add_subplot(projection="3d")
    view = views.manifold_view(fakes.prepared(fakes.recording())["activity"], fakes.profile())
    assert figures.manifold(view, ax=cube) is cube


def test_curve_and_band_are_those_of_the_profile():
    profile = fakes.profile("circle")
    ax = figures.curvature_profile(profile.isel(point=np.random.default_rng(0).permutation(120)))
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y[:-1], profile["mean_curvature_norm"])
    assert x[-1] - x[0] == pytest.approx(fakes.TAU)
    assert y[-1] == y[0]
    assert not figures.curvature_profile(fakes.profile(bands=False)).collections


def test_maps_put_values_where_they_belong():
    profile = fakes.profile("torus")
    first, second = profile["angle_0"].to_numpy(), profile["angle_1"].to_numpy()
    shuffled = profile.isel(point=np.random.default_rng(1).permutation(profile.sizes["point"]))
    image = folded(shuffled, "mean_curvature_norm")
    np.testing.assert_allclose(image.ravel(), profile["mean_curvature_norm"])
    mesh = figures.curvature_profile(shuffled).collections[0]
    assert mesh.get_array().shape == (np.unique(first).size, np.unique(second).size)
    for n in (37, 50):
        with pytest.raises(InputError, match="not a grid"):
            figures.curvature_profile(profile.isel(point=slice(0, n)))


def test_sphere_map_keeps_longitudes_in_place():
    profile = fakes.profile("sphere")
    marked = profile.assign(mean_curvature_norm=profile["angle_1"])  # the value is the longitude
    mesh = figures.curvature_profile(marked).collections[0]
    edges = mesh.get_coordinates()[0, :, 0]
    middle = 0.5 * (edges[1:] + edges[:-1])
    values = np.asarray(mesh.get_array()).reshape(24, 48)[0]
    assert np.abs(np.angle(np.exp(1j * (values - middle)))).max() < 0.1


def test_bars_show_the_longest_and_the_threshold():
    bars = fakes.bars("torus")
    ax = figures.barcode(bars, 1, Figure().subplots())
    widths = [patch.get_width() for patch in ax.patches]
    assert sum(np.isclose(widths, float(bars["null_threshold"][0]))) == 24  # twelve bars a field
    assert max(widths) == pytest.approx(1.9)
    named = bars.drop_vars("degree_").rename(degree_="hole")  # dimension without coordinate
    assert len(figures.barcodes(named)) == 3


def test_diagrams_show_every_bar_and_the_band_of_shuffles():
    bars = fakes.bars("torus")
    ax = figures.diagram(bars, 1, Figure().subplots())
    shown = np.concatenate([dots.get_offsets() for dots in ax.collections[1:]])
    chosen = bars.isel(bar=np.flatnonzero(bars["degree"] == 1))
    np.testing.assert_allclose(shown, np.c_[chosen["birth"], chosen["death"]])
    edge = ax.collections[0].get_paths()[0].vertices
    assert np.ptp(edge[:, 1] - edge[:, 0]) == pytest.approx(float(bars["null_threshold"][0]))


def test_the_verdict_in_one_line():
    bars = fakes.bars("torus").assign_attrs(reasons="2 loops with p = 0.010, 0.010")
    assert report.verdict_line(bars) == "The activity lies on a torus: 2 loops with p = 0.010, 0.010."
    assert report.verdict_line(fakes.bars("undecided")).startswith("Cannot tell")


def test_the_votes_are_a_table():
    table = votes(fakes.analysis("circle").topology)
    assert table.title == "Which template: votes and margins"
    assert len(table.columns) == 3
    assert table.rows == (("circle", 0.8, 2.5), ("torus", 0.0, 0.3), ("undecided", 0.2, "—"))


def test_a_sweep_is_a_table_where_one_was_made():
    topology = fakes.analysis("circle").topology
    assert list(swept(topology)) == []
    topology.sweep_ = xr.Dataset(
        {
            "template": (("smoothing", "share"), [["circle", "undecided"]]),
            "n_components": (("smoothing", "share"), [[3, 5]]),
            "support": (("smoothing", "share"), [[1.0, 0.6]]),
            "loops": (("smoothing", "share"), [[1, 2]]),
        },
        coords={"smoothing": [0.2], "share": [1.0, 1.5]},
    )
    (table,) = swept(topology)
    assert table.rows == ((0.2, 3, "circle", 1.0, 1), (0.2, 5, "undecided", 0.6, 2))
    assert len(table.columns) == len(table.rows[0])


def test_tuning_view_finds_the_preferred_angles():
    angle = np.linspace(0, 360, 20_000, endpoint=False)
    peaks = np.array([5.0, 90.0, 181.0, 355.0])
    rates = np.exp(4 * (np.cos(np.deg2rad(angle[:, None] - peaks)) - 1))
    activity = xr.DataArray(rates, dims=("time", "unit"), coords={"unit": list("abcd")})
    heading = xr.DataArray(angle, dims="time", name="hd", attrs={"units": "deg", "period": 360.0})
    view = views.tuning_view(activity, heading)
    np.testing.assert_allclose(view["preferred"], peaks, atol=0.5)
    np.testing.assert_allclose(view["relative_activity"].max("bin"), 1)
    assert view["n_samples"].sum() == angle.size
    shifted = views.tuning_view(activity, heading.copy(data=np.where(angle > 180, angle - 360, angle)))
    np.testing.assert_allclose(np.mod(shifted["preferred"], 360), peaks, atol=0.5)
    signed = views.tuning_view(activity - 0.5, heading)
    assert float(signed["relative_activity"].min()) == 0
    with pytest.raises(InputError, match="known value"):
        views.tuning_view(activity, heading * np.nan)


def test_empty_bins_stay_empty():
    activity = xr.DataArray(np.ones((50, 2)), dims=("time", "unit"), coords={"unit": ["a", "b"]})
    half = xr.DataArray(np.linspace(0, 3, 50), dims="time", attrs={"units": "rad", "period": fakes.TAU})
    view = views.tuning_view(activity, half)
    assert view["mean_activity"].isnull().any()
    figures.tuning(view).get_figure().canvas.draw()


def test_latent_view_keeps_known_samples():
    rec = fakes.recording()
    view = views.latent_view(fakes.latent(rec), rec["head_direction"])
    assert view.sizes["sample"] == int(rec["head_direction"].notnull().sum())
    with pytest.raises(InputError, match="one length"):
        views.latent_view(fakes.latent(rec), rec["head_direction"][:-1])


@pytest.mark.parametrize("template", ["torus", "sphere"])
def test_manifold_view_is_an_isometry_of_a_surface_in_three_dimensions(template):
    profile = fakes.profile(template)
    view = views.manifold_view(fakes.prepared(fakes.recording())["activity"], profile)
    before, after = profile["position"].to_numpy(), view["position"].to_numpy()
    distances = [np.linalg.norm(x[:50, None] - x[None, :50], axis=-1) for x in (before, after)]
    np.testing.assert_allclose(*distances, atol=1e-9)
    assert float(view["share"].sum()) == pytest.approx(1)
    with pytest.raises(InputError, match="units"):
        views.manifold_view(fakes.recording(d=5)["activity"], profile)


def test_manifold_view_of_a_plane_curve_has_an_empty_third_component():
    profile = fakes.profile(d=2)
    profile = profile.drop_vars("position").assign(
        position=(
            ("point", "unit"),
            np.stack([np.cos(profile["angle_0"]), np.sin(profile["angle_0"])], axis=1),
        )
    )
    view = views.manifold_view(fakes.recording(d=2)["activity"], profile)
    np.testing.assert_allclose(view["share"], [0.5, 0.5, 0], atol=1e-9)
    figures.manifold(view).get_figure().canvas.draw()


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def content(template: str, **changes: object) -> report.ReportContent:
    options = {
        "title": "a session",
        "variable": "head_direction",
        "caveats": ("The recording is short.",),
        "methods": "First.\n\nSecond.",
        "settings": {"prepare": {"bin_size": 0.2, "steps": ["bin", "smooth"]}, "seed": 0},
        "version": "0.1.0",
        "seed": "0",
    }
    return report.compose(fakes.analysis(template), **{**options, **changes})


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {template: report.render(content(template)) for template in VERDICTS}


@pytest.mark.parametrize("template", VERDICTS)
def test_page_is_self_contained(pages, template):
    source, page = pages[template], Page(pages[template])
    scripts = page.all("script")
    assert [one.get("type") for one in scripts].count("application/json") == len(scripts) - 1
    # The policy lets no script run but the package's own.
    viewer = resources.files("neuromanifold.report").joinpath("viewer.js").read_bytes()
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(viewer).digest()).decode()}'" in source
    assert not page.all("link")
    images = page.all("img")
    assert images
    assert all(re.match(r"data:image/(svg\+xml|png);base64,", image["src"] or "") for image in images)
    assert all(len(image["alt"] or "") > 20 for image in images)
    rest = re.sub(r'src="data:[^"]*"', "", source)
    assert "http:" not in rest
    assert "https:" not in rest
    assert "url(" not in rest
    assert len(page.all("h1")) == 1
    assert "default-src 'none'" in source
    assert "prefers-color-scheme: dark" in source
    assert len(source) < 3_000_000


def test_page_says_what_was_found(pages):
    circle, undecided = Page(pages["circle"]).words, Page(pages["undecided"]).words
    for words in ("The activity lies on a circle", "[0.741, 0.903]", "median decoding error", "10.4", "deg"):
        assert words in circle
    for words in (
        "Second.",
        "prepare.bin_size",
        "0.2",
        "seed 0",
        "neuromanifold 0.1.0",
        "The recording is short.",
    ):
        assert words in circle
    assert "Cannot tell" in undecided
    assert "landmark draws disagree" in undecided
    assert "No manifold was fitted" in undecided
    assert "mean |H|" not in undecided
    assert 'class="open"' in pages["undecided"]
    assert 'class="open"' not in pages["circle"]


def test_number_of_figures_follows_what_was_reached(pages):
    counts = {template: len(Page(page).all("img")) for template, page in pages.items()}
    assert counts == {"circle": 8, "torus": 10, "sphere": 10, "undecided": 3}
    without = report.compose(fakes.analysis("circle"), title="unlabelled")
    assert "along latent angle" in " ".join(ax.get_title("left") for ax in without.figures[-1].figure.axes)


def test_a_categorical_variable_is_no_axis():
    analysis = fakes.analysis("circle")
    side = xr.DataArray(["left", "right"] * 750, dims="time", attrs={"kind": "categorical"})
    analysis.recording = analysis.recording.assign(side=side)
    shown = report.pictures(analysis, "side")
    assert len(shown) == 7
    assert "latent angle" in shown[-1].caption


def test_caveats_follow_from_the_analysis():
    analysis = fakes.analysis("circle")
    analysis.profile = fakes.profile(bands=False).assign_attrs(gauge="constant speed of the immersion")
    said = " ".join(report.compose(analysis, title="x").caveats)
    assert "without error bands" in said
    assert "constant speed" in said


def test_names_are_escaped_everywhere():
    names = [NASTY, "$x_1$", "a & b", "π₁ \n two", "u" * 80, *(f"u{i}" for i in range(12))]
    analysis = fakes.analysis("circle", names=names)
    for name in ("recording", "prepared"):
        setattr(analysis, name, getattr(analysis, name).rename(head_direction=NASTY))
    analysis.recording[NASTY].attrs["long_name"] = NASTY
    analysis.against = analysis.against.rename(head_direction=NASTY)
    analysis.against[NASTY].attrs["long_name"] = NASTY
    analysis.topology.reasons_ = (NASTY,)
    analysis.statistics["mean_curvature"].attrs.update(long_name=NASTY, units=NASTY, description=NASTY)
    page = report.render(
        report.compose(
            analysis,
            title=NASTY,
            variable=NASTY,
            caveats=[NASTY],
            methods=NASTY,
            settings={NASTY: {NASTY: f'"{NASTY}'}},
            version=NASTY,
            seed=NASTY,
        )
    )
    assert "<script>alert" not in page
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json">', "<script>"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert NASTY in Page(page).words


def test_same_content_gives_the_same_bytes():
    first, second = (report.render(content("circle")) for _ in range(2))
    assert first == second


def test_large_drawings_become_bitmaps():
    ax = Figure().subplots()
    assert image_uri(ax.get_figure()).startswith("data:image/svg+xml")
    ax.plot(np.random.default_rng(0).random(20_000), marker="o", linestyle="")
    assert image_uri(ax.get_figure()).startswith("data:image/png")


def test_write_is_whole_or_not_at_all(tmp_path):
    report.write(tmp_path / "out" / "report.html", content("undecided"))
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError):
        report.write(tmp_path / "file" / "report.html", content("undecided"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.812345, "0.812"),
        (9.876, "9.88"),
        (123.456, "123"),
        (12, "12"),
        (1500.0, "1\u202f500"),
        (-0.5, "−0.500"),
        (1.2e-5, "1.20·10^−5"),
        (float("nan"), "unknown"),
        (float("inf"), "∞"),
        ("words", "words"),
        (0.0, "0"),
        (np.float32(0.25), "0.250"),
    ],
)
def test_format_number(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("angle", "text"),
    [(0, "0"), (np.pi, "π"), (np.pi / 2, "π/2"), (-1.5 * np.pi, "−3π/2"), (2 * np.pi, "2π")],
)
def test_math_angle(angle, text):
    assert math_angle(angle) == text


def test_the_first_three_figures_are_seen_and_the_others_folded(pages):
    opened, folded = pages["circle"].split('id="more"')
    assert [opened.count("<figure"), folded.count("<figure")] == [3, 5]
    assert opened.index('id="figures"') < opened.index('id="numbers"') < opened.index('id="caveats"')
    assert 'id="more"' not in pages["undecided"]


@pytest.mark.parametrize("template", ["circle", "torus", "sphere"])
def test_a_scene_holds_the_manifold_closed_and_in_cyclic_colours(template):
    profile = fakes.profile(template)
    view = views.manifold_view(fakes.prepared(fakes.recording())["activity"], profile)
    found = scene(view)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    points = np.reshape(found["points"], (found["rows"], found["columns"], 3))
    along = found["colourings"][-1]
    np.testing.assert_allclose(points[:, 0], points[:, -1], atol=2e-3)
    if template == "torus":
        np.testing.assert_allclose(points[0], points[-1], atol=2e-3)
    assert np.abs(points).max() < 1.5
    assert found["caps"] == ([0, found["rows"] - 1] if template == "sphere" else [])
    # Distances keep their proportions: one scale for all axes.
    flat = np.asarray(view.sortby(["angle_0", "angle_1"] if template != "circle" else "angle_0")["position"])
    inside = points[: len(np.unique(profile["angle_0"].round(9))) if template != "circle" else 1]
    inside = inside[:, : flat.shape[0] // len(inside)].reshape(-1, 3)
    ratio = np.linalg.norm(inside[1:] - inside[:-1], axis=1).sum() / np.linalg.norm(np.diff(flat, axis=0), axis=1).sum()
    chord = np.linalg.norm(inside[7] - inside[0]) / np.linalg.norm(flat[7] - flat[0])
    assert chord == pytest.approx(ratio, rel=0.05)
    # An angle's ends look alike; every point has its place.
    first, last = (np.array(to_rgb(along["palette"][i])) for i in (0, -1))
    assert np.abs(first - last).max() < 0.05
    assert all(len(one["places"]) * 3 == len(found["points"]) for one in found["colourings"])
    assert max(max(one["places"]) for one in found["colourings"]) < len(along["palette"])


def test_methods_say_what_was_done_and_cite_it():
    facts = {"version": "1.2", "n_units": 17, "n_samples": 6000, "sampling_period": 0.1, "alpha": 0.05}
    facts |= {"steps": [{"step": "smooth", "smoothing": 0.15}], "null": "time-shift", "n_shuffles": 100}
    facts |= {"n_landmarks": 300}
    settings = {"variable": ["heading"], "topology_smoothing": 0.4, "n_bootstrap": 50, "random_state": "3"}
    text = report.methods(settings, facts)
    assert "17 units in 6000 samples of 100 ms (10 min)" in text
    assert "smooth (smoothing 0.15)" in text
    assert "autoencoder" not in text
    assert len(report.references(text)) == 2
    fitted = {"template": "circle", "gauge": "task coordinates", "n_harmonics": 9, "level": 0.9}
    text = report.methods({**settings, "offsets": "trial"}, facts | fitted)
    for words in ("sum of 9 Laplacian", "coordinates are heading, less an offset estimated in each trial", "90 %"):
        assert words in text
    assert len(report.references(text)) == 5
    assert "fixed by: constant speed" in report.methods(settings, facts | fitted | {"gauge": "constant speed"})
