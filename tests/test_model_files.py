"""Model files of earlier versions are read: one of each schema is kept, with what its model gave back then."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import neuromanifold as nm

FILES = Path(__file__).parent / "files"
ACTIVITY = np.array(
    [
        [-0.68129915, -0.78183436, -0.04555793, -0.1394014],
        [-0.15467446, 0.9120243, -0.44815564, -0.14594282],
        [0.94322502, 0.26277685, 0.37054151, 0.11597095],
    ]
)


def test_schema_1_of_november_2026() -> None:
    model = nm.load_model(FILES / "model_schema_1.npz")
    points = [[0.94036788, 0.34015915], [-0.87765332, 0.479296], [-0.62459828, -0.78094621]]
    np.testing.assert_allclose(model.transform(ACTIVITY), points, atol=1e-7)
    encoded = [[-0.9935, -0.1141], [0.7882, -0.6155], [0.5690, -0.8223]]
    np.testing.assert_allclose(model.encode(ACTIVITY).loc, encoded, atol=1e-4)
    assert model.gauge_ == "constant speed of the immersion"
    assert model.prior_ == {"family": "heat", "rate": 0.3, "n_harmonics": 11, "rank": 4}
    assert model.likelihood == "gaussian"


def test_schema_2_of_november_2026() -> None:
    model = nm.load_model(FILES / "model_schema_2.npz")
    points = [[-0.72964265, 0.68382863], [0.94463408, 0.32812566], [0.04367998, -0.99904557]]
    np.testing.assert_allclose(model.transform(ACTIVITY), points, atol=1e-7)
    encoded = [[-0.9995, -0.0313], [0.7266, -0.6871], [0.8139, -0.5811]]
    np.testing.assert_allclose(model.encode(ACTIVITY).loc, encoded, atol=1e-4)
    # It remembers its samples, so it can go on with others.
    further = np.tile(ACTIVITY, (5, 1))
    assert model.partial_fit(further).score(further) > nm.load_model(FILES / "model_schema_2.npz").score(further)
