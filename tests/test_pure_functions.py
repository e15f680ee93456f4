"""Chunk by chunk, from whatever engine: the same sums, steps and ends as a fit."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.errors import ConvergenceWarning, InputError
from bayesgmm.parameters import MixtureParameters

ROOT = Path(__file__).parents[1]
N = 1200


def draw(n=N):
    rng = np.random.default_rng(3)
    z = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    centres = np.array([[0.0, 0.0], [4.0, 1.0], [0.0, 6.0]])[z]
    return 1e3 + centres + rng.normal(size=(n, 2)) * (1 + 0.2 * z[:, None])


X = draw()
MEANS = 1e3 + np.array([[0.0, 1.0], [3.0, 1.0], [0.0, 5.0]])
WEIGHTS = np.array([0.3, 0.3, 0.4])


def begin(family="full", **more):
    return MixtureParameters(
        WEIGHTS, MEANS, np.tile(np.eye(2), (3, 1, 1)), family, ("x0", "x1"), **more
    )


def sweep(at, rows=X, weight=None, size=250, **how):
    """Add up chunks of some size, the last of which has fewer rows."""
    parts = []
    for i in range(0, len(rows), size):
        some = None if weight is None else weight[i : i + size]
        parts.append(bg.sufficient_statistics(rows[i : i + size], at, some, **how))
    return bg.add_statistics(parts)


def joint_density():
    """Return p(row, component) by SciPy, at `begin()`."""
    of_each = zip(WEIGHTS, MEANS, strict=True)
    columns = [w * multivariate_normal(m, np.eye(2)).pdf(X) for w, m in of_each]
    return np.column_stack(columns)


def test_they_are_the_sums_of_their_definition():
    at, weight = begin(), np.random.default_rng(0).uniform(0.5, 2.0, N)
    joint = joint_density()
    shares = weight[:, None] * joint / joint.sum(1, keepdims=True)
    gaps = X[:, None] - MEANS
    total = sweep(at, weight=weight)
    assert total.log_likelihood == pytest.approx(weight @ np.log(joint.sum(1)))
    counts, sums, outer_products = total.moments
    np.testing.assert_allclose(counts, shares.sum(0), rtol=1e-11)
    np.testing.assert_allclose(sums, np.einsum("nk,nkd->kd", shares, gaps), rtol=1e-10)
    expected = np.einsum("nk,nkd,nke->kde", shares, gaps, gaps)
    np.testing.assert_allclose(outer_products, expected, rtol=1e-10)
    assert total.n_rows == N
    assert total.n_observations == pytest.approx(weight.sum())


def test_a_step_is_the_weighted_moments():
    at = begin()
    joint = joint_density()
    shares = joint / joint.sum(1, keepdims=True)
    following = bg.update(at, sweep(at))
    np.testing.assert_allclose(following.weights, shares.mean(0), rtol=1e-11)
    for k in range(3):
        covariance = np.cov(X.T, aweights=shares[:, k], ddof=0)
        np.testing.assert_allclose(following.covariances[k], covariance, rtol=1e-9)
        mean = np.average(X, axis=0, weights=shares[:, k])
        np.testing.assert_allclose(following.means[k], mean, rtol=1e-13)


HOLES = X.copy()
HOLES[np.random.default_rng(5).random(N) < 0.2, 1] = np.nan
PRIOR = bg.conjugate_prior(X, 3)
OFTEN = np.random.default_rng(1).integers(0, 4, size=N)


@pytest.mark.parametrize(
    ("rows", "weight", "family", "settings"),
    [
        (X, None, "full", {}),
        (X, None, "VEV", {}),
        (X, None, "tied", {"reg_covar": 0.1}),
        (X, OFTEN, "full", {"prior": PRIOR}),
        (HOLES, None, "full", {"missing": "fiml"}),
        (X, None, "diag", {"fixed_weights": [0.3, 0.3, 0.4]}),
    ],
    ids=["full", "VEV", "ridge", "prior", "gaps", "held"],
)
def test_a_loop_takes_the_steps_of_a_fit(rows, weight, family, settings):
    """The fit takes plain steps: with `tol=0` it never ends, nor extrapolates."""
    steps, given = 12, {"weights_init": WEIGHTS, "means_init": MEANS}
    given["precisions_init"] = bg.GaussianMixture.from_parameters(
        begin(family)
    ).precisions_
    em = bg.GaussianMixture(
        3, covariance_type=family, tol=0.0, max_iter=steps, **given, **settings
    )
    with pytest.warns(ConvergenceWarning):
        em.fit(rows, sample_weight=weight)
    at, how = begin(family, weights_held="fixed_weights" in settings), {}
    with_rows = {"missing": settings["missing"]} if "missing" in settings else {}
    how = {key: settings[key] for key in ("prior", "reg_covar") if key in settings}
    for _ in range(steps):
        at = bg.update(at, sweep(at, rows, weight, **with_rows), **how)
    total = sweep(at, rows, weight, **with_rows)
    assert total.log_likelihood == pytest.approx(em.log_likelihood_, rel=1e-12)
    np.testing.assert_allclose(at.weights, em.weights_, rtol=1e-10)
    np.testing.assert_allclose(at.means, em.means_, rtol=1e-12)
    np.testing.assert_allclose(at.covariances, em.parameters_.covariances, atol=1e-10)
    norm = bg.gradient_norm(at, total, **how)
    assert norm == pytest.approx(em.gradient_norm_, rel=1e-6)


def test_the_norm_is_zero_where_a_fit_with_noise_ends():
    em = bg.GaussianMixture(3, noise=True, random_state=0).fit(X)
    total = sweep(em)
    assert total.log_likelihood == pytest.approx(em.log_likelihood_, rel=1e-12)
    assert bg.gradient_norm(em, total) < 2e-7
    np.testing.assert_allclose(bg.update(em, total).means, em.means_, rtol=1e-9)
    with pytest.raises(InputError, match="`noise` must be None for rows with missing"):
        bg.sufficient_statistics(HOLES, em, missing="fiml")


def test_chunks_of_nothing_add_nothing():
    at = begin()
    empty = bg.sufficient_statistics(pd.DataFrame(X[:0]), at)
    weightless = bg.sufficient_statistics(X[:5], at, np.zeros(5))
    total = bg.add_statistics([empty, sweep(at), weightless])
    assert total.log_likelihood == sweep(at).log_likelihood
    assert total.n_rows == N
    with pytest.raises(InputError, match="those of none"):
        bg.update(at, empty)


def test_sums_taken_elsewhere_are_refused():
    at = begin()
    total = sweep(at)
    following = bg.update(at, total)
    with pytest.raises(InputError, match=r"`statistics` must be taken at"):
        bg.update(following, total)
    with pytest.raises(InputError, match=r"`parts` must be taken at the same"):
        bg.add_statistics([total, sweep(following)])
    with pytest.raises(InputError, match=r"`parts` must be one or more"):
        bg.add_statistics([])
    with pytest.raises(InputError, match="ChunkStatistics"):
        bg.update(at, total.moments)
    with pytest.raises(InputError, match="conjugate_prior"):
        bg.update(at, total, prior="default")
    with pytest.raises(InputError, match="2 features"):
        bg.sufficient_statistics(X[:, :1], at)


def test_a_component_that_collapses_is_named():
    far = np.array([[0.0, 0.0], [3.0, 1.0], [-500.0, 0.0]]) + 1e3
    at = MixtureParameters(
        WEIGHTS, far, np.tile(np.eye(2), (3, 1, 1)), "full", ("x0", "x1")
    )
    with pytest.raises(InputError, match="component 2 of 3 without"):
        bg.update(at, sweep(at))


def test_all_of_it_goes_to_processes_and_back():
    at = pickle.loads(pickle.dumps(begin()))
    parts = [bg.sufficient_statistics(some, at) for some in (X[:700], X[700:])]
    total = bg.add_statistics(map(pickle.loads, map(pickle.dumps, parts)))
    np.testing.assert_allclose(bg.update(begin(), total).means, fitted_once(), 1e-13)


def fitted_once():
    return bg.update(begin(), sweep(begin())).means


def test_a_function_that_names_the_package_goes_to_a_cluster():
    """Dask, Spark and others send functions of a notebook by value, globals and all."""
    source = "def summarise(rows, at): return bg.sufficient_statistics(rows, at)"
    of_a_notebook = {"bg": bg, "__name__": "__main__"}
    exec(source, of_a_notebook)
    summarise = cloudpickle.loads(cloudpickle.dumps(of_a_notebook["summarise"]))
    assert summarise(X, begin()).n_rows == N


@pytest.mark.slow
def test_the_example_of_the_page_ends_where_a_fit_does(tmp_path):
    """Processes read row groups of a Parquet file; the script is the page's own."""
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    script = re.search(r"```python\n(from concurrent.*?)```", page, re.DOTALL)[1]
    (tmp_path / "script.py").write_text(script)
    frame = pd.DataFrame(X, columns=["length", "width"])
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=300)
    result = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr
    whole = bg.GaussianMixture(3, random_state=0).fit(frame)
    said = f"log-likelihood {whole.log_likelihood_:.6f} {whole.weights_.round(6)}\n"
    assert result.stdout == said
