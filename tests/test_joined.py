"""Sessions of one animal as one recording: what is kept, what is shared, and what nothing crosses."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import RecordingError
from neuromanifold.data.joined import join_sessions


def session(seed: int, units=("a", "b", "c"), n: int = 100, period: float = 0.1, **attrs) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    heading = xr.DataArray(
        rng.uniform(0, 2 * np.pi, n), dims="time", attrs={"kind": "circular", "units": "radian", "period": 2 * np.pi}
    )
    rec = nm.as_recording(
        rng.normal(size=(n, len(units))),
        {"heading": heading},
        sampling_period=period,
        time=5 + period * np.arange(n),
        kind="continuous",
        units="F",
        interval=np.repeat([0, 1], [40, n - 40]),
    )
    return rec.assign_coords(unit=list(units)).assign_attrs(attrs)


def test_sessions_are_joined_at_the_units_they_share():
    joined = join_sessions({"one": session(0), "two": session(1, ("c", "d", "a"))})
    assert list(joined["unit"].to_numpy()) == ["a", "c"]
    assert joined.sizes["time"] == 200
    assert list(np.unique(joined["session"])) == ["one", "two"]
    second = joined.isel(time=joined["session"].to_numpy() == "two")
    np.testing.assert_array_equal(second["activity"].sel(unit="a"), session(1, ("c", "d", "a"))["activity"][:, 2])
    np.testing.assert_array_equal(second["heading"], session(1, ("c", "d", "a"))["heading"])
    assert len(np.unique(joined["interval"])) == 4


def test_nothing_is_smoothed_across_sessions():
    one, two = session(0), session(1)
    joined = nm.prepare(join_sessions({"one": one, "two": two}), smoothing=0.3)
    alone = nm.prepare(one, smoothing=0.3)
    np.testing.assert_allclose(joined["activity"][:100], alone["activity"])
    assert list(joined["session"].to_numpy()[[0, -1]]) == ["one", "two"]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (session(1, ("x", "y", "z")), "share 0 units"),
        (session(1, period=0.2), "sampled every 0.2 s"),
        (session(1).assign(heading=session(1)["heading"].assign_attrs(period=7.0)), "period of 'heading'"),
    ],
)
def test_sessions_that_do_not_fit_are_refused(other, why):
    with pytest.raises(RecordingError, match=why):
        join_sessions({"one": session(0), "two": other})
    with pytest.raises(RecordingError, match="no recording"):
        join_sessions({})
