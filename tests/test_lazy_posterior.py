"""Posteriors of lazy rows are those of the same rows in memory."""

from functools import partial

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm import lazy_passes, sketch, standing_in
from bayesgmm.chunks import Chunks, open_chunks
from bayesgmm.errors import ChunkError, InputError
from bayesgmm.marginal import lazy as marginal_lazy
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.start import em_start
from bayesgmm.marginal.structure import structure_of
from bayesgmm.target import make_target
from bayesgmm.unconstrained import ConjugateDensity

N = 600
FEATURES = ["length", "width"]


def draw(n=N):
    rng = np.random.default_rng(0)
    far = rng.random(n) < 0.3
    return 1e3 + rng.normal(size=(n, 2)) * [1, 2] + 5.0 * far[:, None] * [1, -1]


X = draw()
EM = bg.GaussianMixture(2, random_state=0).fit(X)
SHORT = {"draws": 5, "tune": 2, "chains": 2, "random_seed": 3, "progress": False}

LONGER = SHORT | {"draws": 20, "tune": 20}


def lazy(rows=200, X=X):
    return da.from_array(X, chunks=(rows, 1))


def log_posterior(X, covariance_type="full", **known):
    flat = FlatModel(bg.build_model(X, 2, covariance_type, **known))
    return flat.log_posterior(), flat.start


def points(start):
    return start + np.random.default_rng(1).normal(size=(3, len(start)))


def check_same(whole, apart):
    """Compare value and gradient of two log-posteriors at some points."""
    (whole, start), (apart, _) = whole, apart
    for point in points(start):
        value, gradient = whole(point)
        ours, ours_gradient = apart(point)
        assert ours == pytest.approx(value, rel=1e-10)
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(ours_gradient, gradient, atol=1e-10 * scale)


@pytest.fixture(scope="module")
def whole():
    return log_posterior(X, init=EM)


@pytest.mark.parametrize("rows", [N, 77])
def test_chunks_make_no_difference(rows, whole):
    check_same(whole, log_posterior(lazy(rows), init=EM))


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["diag", "EVE"])
def test_families(covariance_type):
    em = bg.GaussianMixture(2, covariance_type=covariance_type).fit(X)
    models = (log_posterior(rows, covariance_type, init=em) for rows in (X, lazy()))
    check_same(*models)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["default", "independent"])
def test_without_a_start(kind):
    priors = bg.default_priors(lazy(), 2, kind=kind)
    check_same(*(log_posterior(rows, priors=priors) for rows in (X, lazy(1))))


@pytest.mark.parametrize("kind", ["independent", "conjugate", "richardson_green"])
def test_priors(kind):
    priors = bg.default_priors(lazy(), 2, kind=kind)
    whole = bg.default_priors(X, 2, kind=kind)
    values = {
        "weights": EM.weights_[None],
        "means": EM.means_[None],
        "covariances": EM.covariances_[None],
        "covariances_scale": np.eye(2)[None],
    }
    family = make_target(X, 2).family
    ours = priors.log_density(values, family)
    np.testing.assert_allclose(ours, whole.log_density(values, family), rtol=1e-10)


def test_of_many_rows_a_sample_says_only_where_chains_begin(monkeypatch, whole):
    monkeypatch.setattr(sketch, "SKETCH_ROWS", 150)
    target, of_all = (make_target(rows, 2, init=EM) for rows in (lazy(), X))
    assert (target.table.n_observations, target.n_observations) == (150, N)
    np.testing.assert_allclose(target.variances, of_all.variances)
    values = []
    for each, (f, start) in ((target, log_posterior(lazy(), init=EM)), (of_all, whole)):
        scales = em_start(each, structure_of("full", 2)).scales.values()
        values.append(f(start)[0] - sum(np.log(scale).sum() for scale in scales))
    assert values[0] == pytest.approx(values[1], rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("are_lazy", [True, False])
def test_weights(are_lazy):
    weight = np.random.default_rng(1).gamma(2.0, size=N)
    known = {"weight_kind": "reliability", "init": EM}
    given = da.from_array(weight, chunks=70) if are_lazy else weight
    check_same(
        log_posterior(X, sample_weight=weight, **known),
        log_posterior(lazy(), sample_weight=given, **known),
    )


def test_frames_and_labelled_arrays_keep_their_names():
    frame = pd.DataFrame(X, columns=FEATURES)
    arrays = xr.DataArray(X, dims=("row", "feature"), coords={"feature": FEATURES})
    for rows in (dd.from_pandas(frame, npartitions=5), arrays.chunk({"row": 99})):
        assert list(bg.build_model(rows, 2).coords["feature"]) == FEATURES


def test_pymc_itself_sees_the_same():
    ours, whole = bg.build_model(lazy(), 2), bg.build_model(X, 2)
    point = whole.initial_point()
    for name in ("logp", "dlogp"):
        values = [
            getattr(model, f"compile_{name}")(mode="FAST_COMPILE")(point)
            for model in (ours, whole)
        ]
        np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-6)


def test_nuts_takes_the_same_first_steps():
    ours, whole = (bg.sample(rows, 2, init=EM, **SHORT) for rows in (lazy(), X))
    np.testing.assert_allclose(ours.posterior["means"], whole.posterior["means"])
    np.testing.assert_allclose(ours.sample_stats["lp"], whole.sample_stats["lp"])


def test_nothing_of_a_row_is_kept():
    for method in ("nuts", "gibbs"):
        posterior = bg.sample(lazy(), 2, init=EM, method=method, **SHORT)
        assert set(posterior.children) == {"posterior", "sample_stats", "relabelling"}
        assert "obs_id" not in posterior.posterior.dims
        with pytest.raises(InputError, match="Pass the observations"):
            bg.membership(posterior)
        assert bg.membership(posterior, X).sizes["obs_id"] == N


@pytest.mark.parametrize("weight", [None, np.arange(N) % 3])
@pytest.mark.parametrize("rows", [N, 77])
def test_gibbs_draws_the_same_labels(rows, weight):
    ours, whole = (
        bg.sample(each, 2, init=EM, method="gibbs", sample_weight=weight, **LONGER)
        for each in (lazy(rows), X)
    )
    for group in ("posterior", "sample_stats"):
        for name in whole[group].data_vars:
            np.testing.assert_allclose(ours[group][name], whole[group][name])


@pytest.mark.slow
def test_telescoping_draws_the_same_labels():
    ours, whole = (
        bg.sample(each, method="telescoping", **SHORT) for each in (lazy(), X)
    )
    np.testing.assert_allclose(ours.posterior["means"], whole.posterior["means"])
    np.testing.assert_allclose(
        ours["size"]["probability"], whole["size"]["probability"]
    )


@pytest.mark.parametrize(
    "method", ["gibbs", pytest.param("nuts", marks=pytest.mark.slow)]
)
def test_workers_do_not_change_a_bit(method):
    found = []
    for settings in ({"scheduler": "synchronous"}, {"num_workers": 4}):
        with dask.config.set(**settings):
            posterior = bg.sample(lazy(), 2, init=EM, method=method, **SHORT)
            found.append(posterior.posterior["covariances"].values)
    np.testing.assert_array_equal(*found)


def test_conjugate_densities_for_evidence():
    priors = bg.default_priors(X, 2, kind="conjugate")
    targets = [make_target(rows, 2, priors=priors) for rows in (lazy(), X)]
    values = {
        "weights": EM.weights_[None],
        "means": EM.means_[None],
        "covariances": EM.covariances_[None],
    }
    ours, whole = (ConjugateDensity(target) for target in targets)
    flat = whole.flatten(values)
    np.testing.assert_allclose(ours.log_density(flat), whole.log_density(flat))


GAPS = X.copy()
GAPS[250, 1] = np.nan


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"missing": "fiml"}, "`missing` must be 'error' for the posterior of lazy"),
        ({"labels": np.zeros(N)}, "`labels` must be None for the posterior of lazy"),
        ({"noise": True}, "`noise` must be None for the posterior of lazy rows"),
        ({"method": "cavi"}, "`X` must not be used with `method='cavi'`; got lazy"),
        (
            {"method": "gibbs", "sample_weight": np.full(N, 0.5)},
            "must be whole numbers where each row has labels; got 0.5 of chunk",
        ),
    ],
)
def test_refusals(known, says):
    with pytest.raises(InputError, match=says):
        bg.sample(lazy(), 2, **known)


def test_a_gap_is_named():
    with pytest.raises(InputError, match=r"chunk 1 of 3 \(rows 200 to 399\)"):
        bg.build_model(lazy(X=GAPS), 2)


def test_a_chunk_that_cannot_be_read_is_named():
    armed = []

    def read(block, block_info=None):
        if armed and block_info[0]["chunk-location"][0] == 2:
            raise OSError("disk")
        return block

    rows = lazy().map_blocks(read, dtype=float)
    model = bg.build_model(rows, 2, init=EM)
    armed.append(True)
    with pytest.raises(ChunkError, match="Chunk 2 of 3"):
        bg.sample(model, **SHORT)


def test_many_mixtures_in_one_pass():
    rng = np.random.default_rng(0)
    weights, means = rng.dirichlet([5.0, 5.0], size=3), rng.normal(size=(3, 2, 2))
    lower = np.tile(np.diag([2.0, 3.0]), (3, 2, 1, 1)) + np.tril(np.full((2, 2), 0.5))
    chunks = open_chunks(lazy())
    every = lazy_passes.score_many(chunks, weights, 1e3 + means, lower)
    for found, *mixture in zip(every, weights, 1e3 + means, lower, strict=True):
        densities = [
            share * multivariate_normal(mean, root @ root.T).pdf(X)
            for share, mean, root in zip(*mixture, strict=True)
        ]
        assert found == pytest.approx(np.log(np.sum(densities, axis=0)).sum())


LAPLACE = {"method": "laplace", "draws": 40, "chains": 1, "random_seed": 0}


@pytest.mark.slow
def test_laplace_weighs_draws_by_all_rows(monkeypatch):
    whole = bg.sample(X, 2, init=EM, progress=False, **LAPLACE)
    ours = bg.sample(lazy(), 2, init=EM, progress=False, **LAPLACE)
    np.testing.assert_allclose(ours.posterior["means"], whole.posterior["means"])
    # The shape is that of few rows now, and the posterior that of all.
    monkeypatch.setattr(standing_in, "SKETCH_ROWS", 200)
    passes = {"score": 0, "score_many": 0}

    def count(name, rows, *mixtures):
        passes[name] += isinstance(rows, Chunks)
        return getattr(lazy_passes, name)(rows, *mixtures)

    for name in passes:
        monkeypatch.setattr(marginal_lazy, name, partial(count, name))
    few = bg.sample(lazy(), 2, init=EM, progress=False, **LAPLACE)
    assert passes == {"score": 0, "score_many": 1}
    assert few.posterior.attrs["pareto_k"] < 0.7
    n, means = 10, whole.posterior["means"]  # resampling leaves a quarter
    difference = (few.posterior["means"] - means).mean(("chain", "draw"))
    assert np.abs(difference / means.std(("chain", "draw"))).max() < 4 * (2 / n) ** 0.5
