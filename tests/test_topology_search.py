"""The template of a recording over smoothing, and the sweep that may overrule it."""

from __future__ import annotations

from typing import ClassVar

import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold.topology import find_template, search, settings_sweep
from neuromanifold.topology.classify import UNDECIDED


class Told:
    """A ``Topology`` whose verdict depends on how smooth the activity is that it is given."""

    verdicts: ClassVar[dict] = {}

    def __init__(self, n_components="auto", **settings):
        self.n_components = n_components

    def fit(self, prepared):
        width = prepared.attrs["told"]
        self.template_ = self.verdicts.get((width, self.n_components), self.verdicts.get(width, UNDECIDED))
        self.reasons_ = (f"told at {width}",)
        self.betti_ = {2: (1, 2 if width == 0.1 else 1), 3: (1, 1)}
        self.support_ = {self.template_: 1.0}
        self.n_features_in_ = 12
        n_components = 4 if self.n_components == "auto" else self.n_components
        self.bars_ = xr.Dataset(attrs={"n_components": n_components})
        return self


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(search, "Topology", Told)
    monkeypatch.setattr(search, "prepare", lambda recording, smoothing: recording.assign_attrs(told=smoothing))

    def verdicts(**by_width):
        Told.verdicts = by_width.get("of", {})
        kind = by_width.get("kind", "counts")
        recording = nm.synthetic.head_direction_cells(n_times=50, n_units=4, random_state=0)
        recording["activity"].attrs["kind"] = kind
        return recording

    return verdicts


def test_the_longest_smoothing_is_enough_where_it_names_a_template(told):
    found = find_template(told(of={0.4: "circle", 0.2: "torus"}))
    assert (found.template_, found.smoothing_) == ("circle", 0.4)
    assert found.reasons_ == ("told at 0.4",)


def test_shorter_smoothing_is_tried_until_a_template_with_holes_is_named(told):
    found = find_template(told(of={0.4: "contractible", 0.1: "torus"}))
    assert (found.template_, found.smoothing_) == ("torus", 0.1)
    assert found.reasons_[-1].endswith("(0.4 s: contractible, 0.2 s: undecided, 0.1 s: torus)")


def test_without_any_the_first_verdict_stands(told):
    found = find_template(told(of={0.4: "contractible"}))
    assert (found.template_, found.smoothing_) == ("contractible", 0.4)


def test_a_given_smoothing_and_continuous_activity_are_looked_at_once(told):
    assert find_template(told(of={0.2: "contractible"}), smoothing=0.2).reasons_ == ("told at 0.2",)
    assert find_template(told(of={None: "sphere"}, kind="continuous")).smoothing_ is None


def test_a_sweep_is_a_table_of_votes_in_words(told):
    table = settings_sweep(told(of={0.4: "circle", 0.2: "circle"}))
    assert table["template"].dims == ("smoothing", "share")
    assert table["smoothing"].to_numpy().tolist() == [0.1, 0.2, 0.4]
    assert table["n_components"].sel(smoothing=0.2).to_numpy().tolist() == [3, 4, 6]
    assert table["cavities"].to_numpy().min() == -1
    vote = table.attrs["vote"]
    assert vote == "of 9 settings, circle at 6, undecided at 3; 2 loops at 0.1 s, 1 loop at 0.2 s, 1 loop at 0.4 s"


def test_half_and_twice_a_given_smoothing_are_swept(told):
    assert settings_sweep(told(), smoothing=0.3)["smoothing"].to_numpy().tolist() == [0.15, 0.3, 0.6]


def test_a_sweep_that_names_two_templates_leaves_it_undecided(told):
    agreed = find_template(told(of={0.4: "circle", 0.2: "circle"}), sweep=True)
    assert agreed.template_ == "circle"
    assert "2 loops at 0.1 s" in agreed.reasons_[-1]
    split = find_template(told(of={0.4: "circle", (0.2, 6): "torus"}), sweep=True)
    assert split.template_ == UNDECIDED
    assert split.reasons_[0].startswith("settings disagree (circle, torus)")
    assert split.sweep_["template"].sel(smoothing=0.2, share=1.5) == "torus"


@pytest.mark.slow
def test_a_real_ring_is_named_and_swept():
    recording = nm.synthetic.head_direction_cells(n_times=3000, n_units=16, random_state=0)
    found = find_template(recording, sweep=True, n_shuffles=19, random_state=0)
    assert found.template_ == "circle"
    assert found.smoothing_ == 0.4
    assert (found.sweep_["template"] == "circle").sum() >= 6
