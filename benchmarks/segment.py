"""Segments of large scenes: time and memory, and fits of images with few grey values.

Run `python -m benchmarks.segment`, with `--megapixels 1` for a quick look. The goals: a
scene of ten megapixels in three bands is segmented by a fit in at most three times the
time of scikit-learn's `predict_proba`, with less than 500 MB above the input, and by
200 draws with as much; an 8-bit grey megapixel is fitted at least 20 times faster than
pixel by pixel, with the same log-likelihood to 1e-10. Every step has a process of its
own, whose kernels are compiled before the clock starts.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import xarray as xr
from sklearn.mixture import GaussianMixture

import bayesgmm as bg
from bayesgmm import compression

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


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(step, dtype, megapixels):
    STEPS[step](make(0.01, dtype))
    scene = make(megapixels, dtype)
    before, start, cpu = peak(), time.perf_counter(), time.process_time()
    STEPS[step](scene)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{step:27} {np.dtype(dtype).name:8} {wall:8.1f} s {cpu:8.1f} s processor "
        f"{peak() - before:8.0f} MB above the input",
        flush=True,
    )


def run_alone(step, dtype, megapixels):
    """Run a step in a process of its own, so that its memory can be told."""
    command = [sys.executable, "-m", "benchmarks.segment", "--step", step]
    said = ["--dtype", dtype, "--megapixels", str(megapixels)]
    subprocess.run(command + said, check=True)


def fit_grey():
    rng = np.random.default_rng(0)
    z = rng.choice(4, size=10**6, p=[0.4, 0.3, 0.2, 0.1])
    grey = np.array([50.0, 90.0, 140.0, 210.0])[z] + 14.0 * rng.normal(size=len(z))
    X = grey.round().clip(0, 255).astype(np.uint8).reshape(-1, 1)
    bg.GaussianMixture(2, random_state=0).fit(X[:20_000])
    found, least = [], compression.FEWEST_ROWS
    for fewest in (least, 10**9):
        compression.FEWEST_ROWS = fewest
        start, cpu = time.perf_counter(), time.process_time()
        em = bg.GaussianMixture(4, random_state=0).fit(X)
        times = time.perf_counter() - start, time.process_time() - cpu
        found.append((em.log_likelihood_, *times))
    (fast, wall, cpu), (slow, wall_slow, cpu_slow) = found
    print(
        f"8-bit grey megapixel: {wall:.2f} s against {wall_slow:.1f} s pixel by pixel, "
        f"{wall_slow / wall:.0f} times ({cpu_slow / cpu:.0f} by processor); "
        f"log-likelihoods differ by {abs(fast / slow - 1):.1e} relative"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=10.0)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--dtype", default="float64")
    told = parser.parse_args()
    if told.step:
        run(told.step, told.dtype, told.megapixels)
        return
    for step in STEPS:
        run_alone(step, "float64", told.megapixels)
    run_alone(f"segment, {N_DRAWS} draws", "uint8", told.megapixels)
    fit_grey()


if __name__ == "__main__":
    main()
