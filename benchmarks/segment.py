"""Segments of large scenes against scikit-learn.

Ten megapixels, three bands, three components of full covariances. Every step has a
process of its own, whose kernels are compiled before the clock starts; memory is the
highest above the input, results included. scikit-learn's `predict_proba` is what a fit
is compared with: at most three times its time, and less than 500 MB. An 8-bit grey
megapixel is fitted as it is and pixel by pixel, both ours.
"""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from sklearn.mixture import GaussianMixture

import bayesgmm as bg
from bayesgmm import compression
from benchmarks.asking import Setting
from benchmarks.machine import in_fresh_process, peak, reset_peak, resident
from benchmarks.results import Row, alone, by_time
from benchmarks.timing import timed

GOAL, GOAL_GREY = 1 / 3, 20
MEANS = np.array([[60.0, 50.0, 90.0], [40.0, 70.0, 30.0], [120.0, 110.0, 100.0]])
N_DRAWS = 200


def make(megapixels, dtype):
    """Return a scene (band, y, x) of three overlapping segments."""
    rng, side = np.random.default_rng(0), int(np.sqrt(1e6 * megapixels))
    scene = np.empty((3, side, side), dtype)
    for rows in np.array_split(np.arange(side), 50):
        z = rng.integers(3, size=(len(rows), side))
        some = MEANS[z] + 15.0 * rng.normal(size=(*z.shape, 3))
        scene[:, rows] = np.moveaxis(some.clip(0, 255), -1, 0).astype(dtype)
    return xr.DataArray(scene, dims=("band", "y", "x"))


def mixture():
    return bg.MixtureParameters(
        np.full(3, 1 / 3),
        MEANS,
        np.tile(225.0 * np.eye(3), (3, 1, 1)),
        "full",
        ("x0", "x1", "x2"),
    )


def posterior():
    """Return draws about the truth."""
    rng, inner = np.random.default_rng(1), ("component", "feature", "feature_bis")
    arrays = {
        "weights": rng.dirichlet(np.full(3, 500.0), (2, N_DRAWS // 2)),
        "means": MEANS + 0.3 * rng.normal(size=(2, N_DRAWS // 2, 3, 3)),
        "covariances": np.tile(225.0 * np.eye(3), (2, N_DRAWS // 2, 3, 1, 1)),
    }
    named = {
        name: (("chain", "draw", *inner[: x.ndim - 2]), x) for name, x in arrays.items()
    }
    return xr.DataTree.from_dict(
        {"posterior": xr.Dataset(named), "relabelling": xr.Dataset()}
    )


def scikit_learn(scene):
    told = GaussianMixture(3)
    told.weights_, told.means_ = np.full(3, 1 / 3), MEANS
    told.covariances_ = np.tile(225.0 * np.eye(3), (3, 1, 1))
    told.precisions_cholesky_ = np.tile(np.eye(3) / 15.0, (3, 1, 1))
    return told.predict_proba(scene.values.reshape(3, -1).T)


STEPS = {
    "scikit-learn predict_proba": scikit_learn,
    "segment, a fit": lambda scene: bg.segment(scene, mixture(), "band"),
    f"segment, {N_DRAWS} draws": lambda scene: bg.segment(scene, posterior(), "band"),
    f"area, {N_DRAWS} draws": lambda scene: bg.area(scene, posterior(), "band"),
}


def measure(step, dtype, megapixels):
    """Return seconds by clock and processor, and megabytes above the input."""
    STEPS[step](make(0.01, dtype))
    scene = make(megapixels, dtype)
    before = resident()
    reset_peak()
    _, wall, cpu = timed(STEPS[step], scene)
    return wall, cpu, peak() - before


def fit_grey(n_pixels):
    """Return seconds of fits as it is and pixel by pixel, and the relative gap."""
    rng = np.random.default_rng(0)
    z = rng.choice(4, size=n_pixels, p=[0.4, 0.3, 0.2, 0.1])
    grey = np.array([50.0, 90.0, 140.0, 210.0])[z] + 14.0 * rng.normal(size=len(z))
    X = grey.round().clip(0, 255).astype(np.uint8).reshape(-1, 1)
    bg.GaussianMixture(2, random_state=0).fit(X[:20_000])
    fits = []
    for fewest in (compression.FEWEST_ROWS, 10**9):
        compression.FEWEST_ROWS = fewest
        fits.append(timed(bg.GaussianMixture(4, random_state=0).fit, X))
    fast, slow = (fit.result.log_likelihood_ for fit in fits)
    return fits[0].wall, fits[1].wall, abs(fast / slow - 1)


def tell(step, megapixels, dtype="float64"):
    """Return the seconds of a step in a process of its own, and what else it took."""
    wall, cpu, megabytes = in_fresh_process(measure, step, dtype, megapixels)
    facts = {"processors": f"{cpu:.1f} s", "memory": f"{megabytes:.0f} MB"}
    return wall, facts


def compare(setting: Setting) -> Iterator[Row]:
    megapixels = 0.01 if setting.quick else 10.0
    peer, fit, draws, area = STEPS
    theirs, facts = tell(peer, megapixels)
    yield alone(peer, theirs, **facts)
    ours, facts = tell(fit, megapixels)
    yield by_time(fit, setting.peer, ours, theirs, GOAL, **facts)
    for step, dtype in ((draws, "float64"), (draws, "uint8"), (area, "float64")):
        ours, facts = tell(step, megapixels, dtype)
        yield alone(f"{step}, {dtype}", ours, **facts)
    compressed, by_pixel, gap = in_fresh_process(
        fit_grey, 3_000 if setting.quick else 10**6
    )
    yield by_time(
        "8-bit grey megapixel",
        "ours by pixel",
        compressed,
        by_pixel,
        GOAL_GREY,
        gap=f"{gap:.0e}",
    )


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("segment")
