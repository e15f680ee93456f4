"""Scenes to segment, of mixtures whose parameters are known; nothing of the package."""

import numpy as np
import synthetic
import xarray as xr

BANDS = ["red", "green", "infrared"]
LAND = {
    "weights": [0.5, 0.3, 0.2],
    "means": [[60.0, 50.0, 90.0], [40.0, 70.0, 30.0], [120.0, 110.0, 100.0]],
    "covariances": [
        [[150.0, 40.0, 0.0], [40.0, 120.0, 10.0], [0.0, 10.0, 200.0]],
        [[90.0, 0.0, 20.0], [0.0, 80.0, 0.0], [20.0, 0.0, 110.0]],
        [[400.0, 100.0, 50.0], [100.0, 300.0, 0.0], [50.0, 0.0, 350.0]],
    ],
}


def land(shape, seed=0):
    """Return an 8-bit scene (band, y, x) with coordinates, and a gap."""
    rng = np.random.default_rng(seed)
    pixels = synthetic.observations(LAND, int(np.prod(shape)), rng)
    values = pixels.T.round().clip(1, 255).astype(np.uint8).reshape(3, *shape)
    values[1, 2, 3:6] = 0
    coords = {
        "band": BANDS,
        "y": ("y", 100.0 - 30 * np.arange(shape[0]), {"units": "m"}),
        "x": 500.0 + 30 * np.arange(shape[1]),
        "lat": (("y", "x"), np.ones(shape)),
        "spatial_ref": 0,
    }
    attrs = {"_FillValue": 0, "units": "DN", "sensor": "made up"}
    attrs["grid_mapping"] = "spatial_ref"
    return xr.DataArray(values, coords, ("band", "y", "x"), attrs=attrs)


def posterior(n_draws=20, relative=0.1, truth=LAND, names=BANDS):
    """Return draws around the truth."""
    rng = np.random.default_rng(1)
    X = synthetic.observations(truth, 30, rng)
    chains = [synthetic.perturbed(truth, n_draws, rng, relative) for _ in range(2)]
    return synthetic.resolved(synthetic.tree(X, chains, lp=False, names=names))


def probabilities(pixels, tree):
    """Return p (draw, pixel, component) from the definition."""
    names = ("weights", "means", "covariances")
    arrays = [tree["posterior"][name].values for name in names]
    draws = zip(*(a.reshape(-1, *a.shape[2:]) for a in arrays), strict=True)
    joints = np.array([synthetic.joint(pixels, *draw) for draw in draws])
    joints = np.exp(joints - joints.max(2, keepdims=True))
    return joints / joints.sum(2, keepdims=True)
