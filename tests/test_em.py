"""EM: right optima, right gradient, the laws of maximum likelihood, honest ends."""

from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import gaussian_log_density, log_sum_exp

from bayesgmm import GaussianMixture, datasets
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status, run_em
from bayesgmm.errors import CollapseWarning, ConvergenceWarning
from bayesgmm.initialise import weighted_covariance
from bayesgmm.observations import Complete
from bayesgmm.optima import find_optima, is_spurious, same_mixture
from bayesgmm.parameters import MixtureParameters
from bayesgmm.restarts import Restarts
from bayesgmm.steps import GRADIENT_TOLERANCE, Objective

TYPES = ["full", "tied", "diag", "spherical"]
MCLUST = ["faithful", "iris", "diabetes", "galaxies", "acidity", "penguins"]


# -- tools ------------------------------------------------------------------------


def numbers(name):
    return datasets.load(name).to_numpy(dtype=float)


def objective_of(X, covariance_type, sample_weight=None):
    covariance = np.cov(X.T, bias=True, aweights=sample_weight)
    family = FAMILIES[covariance_type]
    reference = family.estimate(np.atleast_2d(covariance)[None], np.ones(1))[0]
    return Objective(Complete(X, sample_weight), reference)


def partition_start(X, labels, covariance_type):
    """Return the M-step of a partition, by definition."""
    groups = [X[labels == k] for k in np.unique(labels)]
    scatters = [len(g) * np.atleast_2d(np.cov(g.T, bias=True)) for g in groups]
    counts, d = np.array([len(g) for g in groups]), X.shape[1]
    by_type = {
        "full": [s / c for s, c in zip(scatters, counts, strict=True)],
        "tied": [sum(scatters) / len(X)] * len(groups),
        "diag": [
            np.diag(np.diag(s)) / c for s, c in zip(scatters, counts, strict=True)
        ],
        "spherical": [
            np.eye(d) * np.trace(s) / (c * d)
            for s, c in zip(scatters, counts, strict=True)
        ],
    }
    return MixtureParameters(
        counts / len(X),
        np.array([g.mean(0) for g in groups]),
        np.array(by_type[covariance_type]),
        covariance_type,
        tuple(f"x{j}" for j in range(d)),
    )


def given(start, **settings):
    """Return an estimator that begins at `start`."""
    precisions = np.linalg.inv(start.covariances)
    return GaussianMixture(
        start.n_components,
        covariance_type=start.covariance_type,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.family.compact(precisions),
        **settings,
    )


def some_data(seed=0, n=150, d=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    X[: n // 3] += 2.5
    return X


def some_start(X, covariance_type, n_components=3):
    labels = np.argsort(np.argsort(X[:, 0])) * n_components // len(X)
    return partition_start(X, labels, covariance_type)


def oracle(X, weights, means, covariances):
    joint = [
        [
            np.log(w) + gaussian_log_density(x, m, c)
            for w, m, c in zip(weights, means, covariances, strict=True)
        ]
        for x in X
    ]
    return sum(log_sum_exp(np.array(row)) for row in joint)


# -- right optima -------------------------------------------------------------------


def test_old_faithful_has_its_published_maximum():
    em = GaussianMixture(2, random_state=0).fit(datasets.load("faithful"))
    assert em.log_likelihood_ == pytest.approx(-1130.26396018, abs=1e-7)
    assert em.n_optima_ == 1


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("name", MCLUST)
def test_fits_from_mclust_partitions_end_where_mclust_does(
    name, covariance_type, golden
):
    content, X = golden("mclust_fits.json")[name], numbers(name)
    fits = [f for f in content["fits"] if f["covariance_type"] == covariance_type]
    assert len(fits) == (0 if X.shape[1] == 1 and covariance_type[0] in "ds" else 5)
    for fit in fits:
        labels = np.array(list(content["init_labels"][str(fit["G"])])).astype(int)
        em = given(partition_start(X, labels, covariance_type), max_iter=5000)
        if fit["compare"] == "none":
            with pytest.warns(CollapseWarning, match="without spread"):
                em.fit(X)
            assert em.status_ is Status.COLLAPSED
        else:
            compare_with_mclust(em.fit(X), fit, X)


def has_twins(means, sd):
    """Tell whether two components coincide; how they share rows is then arbitrary."""
    gaps = np.abs(means[:, None] - means).max(-1) / sd.max()
    return bool((gaps[np.triu_indices(len(means), 1)] < 1e-3).any())


def compare_with_mclust(em, fit, X):
    assert fit["compare"] == "equal"
    n, d = X.shape
    assert em.converged_
    assert em.gradient_norm_ <= GRADIENT_TOLERANCE
    assert em.log_likelihood_ == pytest.approx(fit["loglik"], abs=1e-6)
    assert em.log_likelihood_ >= fit["loglik_default"] - 1e-6
    assert em.parameters_.n_parameters == fit["df"]
    bic = -2 * fit["loglik"] + fit["df"] * np.log(n)
    assert em.bic(X) == pytest.approx(bic, abs=1e-5)
    if has_twins(em.means_, X.std(axis=0)):
        return
    # Not stationary at a maximum: 0.0075 is how far mclust's own stop is from it.
    assert em.icl(X) == pytest.approx(-fit["icl"], abs=1e-2)
    truth, sd = fit["parameters"], X.std(axis=0)
    covariances = truth.get("sigma")
    if covariances is None:
        covariances = np.reshape(truth["sigmasq"], (-1, 1, 1))
    covariances = np.broadcast_to(covariances, em.parameters_.covariances.shape)
    means = np.reshape(truth["mean"], (-1, d))
    assert_allclose(em.weights_, truth["pro"], atol=1e-3)
    assert_allclose(em.means_ / sd, means / sd, atol=1e-2)
    scale = np.sqrt(np.einsum("ki,kj->kij", *[np.diagonal(covariances, 0, 1, 2)] * 2))
    assert_allclose(em.parameters_.covariances / scale, covariances / scale, atol=2e-2)
    classes = np.array(list(fit["classification"])).astype(int) - 1
    assert (em.predict(X) != classes).sum() <= max(1, 0.005 * n)


# -- the gradient ---------------------------------------------------------------------


def symmetric_directions(d, covariance_type):
    """Return an orthonormal basis of the whitened directions a family has."""
    if covariance_type == "spherical":
        return [np.eye(d) / np.sqrt(d)]
    basis = []
    for i, j in combinations_with_replacement(range(d), 2):
        if i != j and covariance_type == "diag":
            continue
        E = np.zeros((d, d))
        E[i, j] = E[j, i] = 1 if i == j else np.sqrt(0.5)
        basis.append(E)
    return basis


def slope(function, step=1e-5):
    return (function(step) - function(-step)) / (2 * step)


def gradient_by_differences(X, p):
    """Return the three blocks of `Step.gradient_norm` from the oracle alone."""
    k, d = p.means.shape
    roots = np.linalg.cholesky(p.covariances)

    def tilted(j, t):
        weights = p.weights * np.exp(t * (np.arange(k) == j))
        return oracle(X, weights / weights.sum(), p.means, p.covariances)

    def shifted(j, i, t):
        means = p.means.copy()
        means[j] += t * roots[j][:, i]
        return oracle(X, p.weights, means, p.covariances)

    def stretched(components, E, t):
        covariances = p.covariances.copy()
        for j in components:
            covariances[j] = roots[j] @ (np.eye(d) + t * E) @ roots[j].T
        return oracle(X, p.weights, p.means, covariances)

    groups = [range(k)] if p.covariance_type == "tied" else [[j] for j in range(k)]
    basis = symmetric_directions(d, p.covariance_type)
    odds = [slope(lambda t, j=j: tilted(j, t)) for j in range(k)]
    moves = [
        [slope(lambda t, j=j, i=i: shifted(j, i, t)) for i in range(d)]
        for j in range(k)
    ]
    bends = [
        [slope(lambda t, g=g, E=E: stretched(g, E, t)) for E in basis] for g in groups
    ]
    lengths = [np.linalg.norm(rows, axis=1).sum() for rows in (moves, bends)]
    return np.array([np.abs(odds).sum(), *lengths]) / len(X)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_gradient_norm_is_that_of_finite_differences(covariance_type, part):
    X = some_data(n=25, d=2)
    p = some_start(X, covariance_type, 2)
    changes = [
        {"weights": np.array([0.2, 0.8])},
        {"means": p.means + 1.0, "covariances": 2.0 * p.covariances},
        {"covariances": 6.0 * p.covariances},
    ]
    p = replace(p, **changes[part])  # each makes another of the three blocks largest
    blocks = gradient_by_differences(X, p)
    assert blocks.argmax() == part
    step = objective_of(X, covariance_type).step(p)
    assert step.gradient_norm == pytest.approx(blocks.max(), rel=1e-6)
    assert step.log_likelihood == pytest.approx(
        oracle(X, p.weights, p.means, p.covariances), rel=1e-12
    )


@pytest.mark.parametrize("covariance_type", TYPES)
def test_gradient_is_zero_where_a_fit_converged(covariance_type):
    X = some_data(n=60, d=2)
    em = given(some_start(X, covariance_type, 2)).fit(X)
    assert em.converged_
    assert gradient_by_differences(X, em.parameters_).max() < 1e-6


@pytest.mark.parametrize("init_params", ["random", "k-means++"])
def test_random_starts_do_not_stop_at_the_saddle(init_params):
    rng = np.random.default_rng(3)
    X = np.r_[rng.normal(0, 1, 15000), rng.normal(2, 1, 15000)].reshape(-1, 1)
    one = GaussianMixture(1).fit(X).log_likelihood_
    em = GaussianMixture(2, n_init=2, init_params=init_params, random_state=0).fit(X)
    truth = oracle_fast(X, [0.5, 0.5], [0.0, 2.0], [1.0, 1.0])
    assert em.log_likelihood_ > truth > one
    assert_allclose(np.sort(em.means_[:, 0]), [0, 2], atol=0.25)


def oracle_fast(X, weights, means, sds):
    from scipy.stats import norm

    return np.log(
        sum(w * norm.pdf(X, m, s) for w, m, s in zip(weights, means, sds, strict=True))
    ).sum()


# -- laws ----------------------------------------------------------------------------


@pytest.mark.parametrize("tol", [None, 1e-12])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_no_step_lowers_the_log_likelihood(covariance_type, tol):
    for seed in range(5):
        X = some_data(seed)
        start = some_start(X, covariance_type, 4)
        run = run_em(objective_of(X, covariance_type), start, max_iter=400, tol=tol)
        values = np.array([*run.objectives, run.log_likelihood])
        assert len(values) > 10
        assert np.diff(values).min() >= -1e-12 * abs(values[-1])


def test_acceleration_ends_where_plain_steps_do_but_sooner():
    X = numbers("faithful")
    start = some_start(X, "tied", 4)
    likelihood = objective_of(X, "tied")
    quick = run_em(likelihood, start, max_iter=3000)
    plain = run_em(likelihood, start, max_iter=30000, tol=1e-14)
    assert quick.status is plain.status is Status.CONVERGED
    assert quick.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert same_mixture(quick.parameters, plain.parameters)
    assert quick.n_iter < plain.n_iter / 3


def fit_moved(X, start, matrix, shift):
    """Return a fit of X @ matrix + shift, from the start moved alike."""
    moved = replace(
        start,
        means=start.means @ matrix + shift,
        covariances=matrix.T @ start.covariances @ matrix,
    )
    X = X @ matrix + shift
    run = run_em(objective_of(X, start.covariance_type), moved, max_iter=3000)
    assert run.status is Status.CONVERGED
    return run


ROTATION = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]
PERMUTATION = np.eye(3)[[2, 0, 1]]
MOVES = [
    ("shift", np.eye(3), 1e6, TYPES),
    ("units", 1e-6 * np.eye(3), 0.0, TYPES),
    ("large units", 1e6 * np.eye(3), 0.0, TYPES),
    ("unequal units", np.diag([1e-6, 1.0, 1e6]), 0.0, ["full", "tied", "diag"]),
    ("permutation", PERMUTATION, 0.0, TYPES),
    ("rotation", ROTATION, 0.0, ["full", "tied", "spherical"]),
]


@pytest.mark.parametrize(
    ("matrix", "shift", "covariance_type"),
    [
        pytest.param(matrix, shift, t, id=f"{name}-{t}")
        for name, matrix, shift, types in MOVES
        for t in types
    ],
)
def test_moving_the_data_moves_the_fit(matrix, shift, covariance_type):
    X = some_data(1)
    start = some_start(X, covariance_type)
    still = fit_moved(X, start, np.eye(3), 0.0)
    moved = fit_moved(X, start, matrix, shift)
    log_scale = len(X) * np.log(abs(np.linalg.det(matrix)))
    assert_allclose(moved.log_likelihood + log_scale, still.log_likelihood, atol=1e-5)
    a, b = still.parameters, moved.parameters
    assert_allclose(b.weights, a.weights, atol=1e-5)
    root = np.linalg.inv(matrix)
    assert_allclose((b.means - shift) @ root, a.means, atol=1e-4)
    back = root.T @ b.covariances @ root
    assert_allclose(back, a.covariances, atol=1e-4 * np.abs(a.covariances).max())


@pytest.mark.parametrize("covariance_type", TYPES)
def test_weight_two_is_the_row_twice_and_weight_zero_no_row(covariance_type):
    X = some_data(2)
    start = some_start(X, covariance_type)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = given(start).fit(X, sample_weight=weight)
    repeated = given(start).fit(np.repeat(X, weight, axis=0))
    assert weighted.converged_
    assert weighted.log_likelihood_ == pytest.approx(
        repeated.log_likelihood_, rel=1e-11
    )
    assert_allclose(weighted.means_, repeated.means_, atol=1e-7)
    assert_allclose(weighted.covariances_, repeated.covariances_, atol=1e-7)
    for criterion in ("bic", "aic", "icl", "score"):
        value = getattr(weighted, criterion)(X, sample_weight=weight)
        other = getattr(repeated, criterion)(np.repeat(X, weight, axis=0))
        assert value == pytest.approx(other, rel=1e-10)


def test_rows_of_weight_zero_change_no_bit_of_a_fit():
    X, junk = numbers("faithful"), np.full((5, 2), 1e9)
    weight = np.r_[np.ones(len(X)), np.zeros(5)]
    a = GaussianMixture(3, random_state=4).fit(X, sample_weight=weight[:-5])
    b = GaussianMixture(3, random_state=4).fit(np.r_[X, junk], sample_weight=weight)
    assert_array_equal(a.means_, b.means_)
    assert a.log_likelihood_ == b.log_likelihood_


@pytest.mark.parametrize(
    "init_params", ["k-means++", "kmeans", "random", "random_from_data"]
)
def test_the_same_seed_gives_the_same_bits(init_params):
    X = numbers("iris")
    settings = {"n_components": 3, "init_params": init_params, "n_init": 3}
    a, b = (GaussianMixture(random_state=7, **settings).fit(X) for _ in range(2))
    assert_array_equal(a.covariances_, b.covariances_)
    assert_array_equal(a.weights_, b.weights_)
    assert a.log_likelihood_ == b.log_likelihood_
    other = GaussianMixture(random_state=8, **settings).fit(X)
    ends = [[r.log_likelihood for r in em.restarts_.runs] for em in (a, other)]
    assert ends[0] != ends[1]


# -- restarts --------------------------------------------------------------------------


def test_more_restarts_repeat_the_first_ones():
    X = numbers("faithful")
    few, many = (
        GaussianMixture(4, n_init=n, split_merge=False, random_state=0).fit(X)
        for n in (3, 6)
    )
    ends = [[r.log_likelihood for r in em.restarts_.runs] for em in (few, many)]
    assert len(ends[1]) == 6
    assert ends[0] == ends[1][:3]
    assert len(set(ends[1])) > 1


def test_optima_are_counted_and_the_best_comes_first():
    X = numbers("faithful")
    em = GaussianMixture(3, n_init=12, split_merge=False, random_state=0).fit(X)
    optima = em.optima_
    assert list(optima.columns[:3]) == ["log_likelihood", "hits", "gradient_norm"]
    assert optima.hits.sum() == 12
    assert len(optima) == em.n_optima_ > 1
    assert optima.log_likelihood.is_monotonic_decreasing
    assert optima.log_likelihood[0] == em.log_likelihood_
    gaps = -np.diff(optima.log_likelihood)
    assert (gaps > 1e-6 * len(X)).all()
    assert (optima.gradient_norm <= GRADIENT_TOLERANCE).all()


def test_an_optimum_does_not_depend_on_the_order_of_components():
    X = some_data(5)
    run = run_em(objective_of(X, "full"), some_start(X, "full"), max_iter=2000)
    assert run.status is Status.CONVERGED
    turned = replace(run, parameters=run.parameters.permute([2, 0, 1]))
    moved = replace(run.parameters, means=run.parameters.means + 0.5)
    other = replace(run, parameters=moved)
    lower = replace(run, objective=run.objective - 1.0)
    optima = find_optima([run, turned, other, lower], len(X), len(X))
    assert [optimum.hits for optimum in optima] == [2, 1, 1]


def test_components_come_by_weight_and_then_by_mean():
    X = np.r_[np.arange(10.0), np.arange(10) + 100.0, np.arange(20) + 1000.0]
    em = GaussianMixture(3, random_state=1).fit(X.reshape(-1, 1))
    assert_allclose(em.weights_, [0.5, 0.25, 0.25], atol=1e-6)
    assert_allclose(em.means_[:, 0], [1009.5, 4.5, 104.5], rtol=1e-4)


# -- honest ends ---------------------------------------------------------------------


def tied_data():
    """Return 40 spread rows, and five equal ones at positions 7, 11, 19, 23, 40."""
    X = np.random.default_rng(0).normal(size=(45, 2))
    X[[7, 11, 19, 23, 40]] = [6.0, 6.0]
    return X


def test_a_collapse_names_component_weight_and_rows():
    X = tied_data()
    em = GaussianMixture(2, means_init=[[6.0, 6.0], [0.0, 0.0]])
    with pytest.warns(CollapseWarning) as caught:
        em.fit(X)
    collapse = em.restarts_.best.collapse
    assert collapse.component == 0
    assert collapse.weight == pytest.approx(5 / 45)
    assert_array_equal(collapse.rows, [7, 11, 19, 23, 40])
    assert em.status_ is Status.COLLAPSED
    assert not em.converged_
    assert np.isfinite(em.log_likelihood_)
    assert (np.linalg.eigvalsh(em.covariances_) > 0).all()
    text = str(caught[0].message)
    assert "component 0 (weight 0.111) shrank onto 5 rows (7, 11, 19, 23, 40)" in text
    assert "lower `n_components`" in text
    assert caught[0].filename == __file__


def test_rows_beside_a_far_outlier_are_not_said_to_be_without_spread():
    X = np.append(np.random.default_rng(0).normal(size=99), 1e7)[:, None]
    with pytest.warns(CollapseWarning, match="as happens beside far outliers"):
        GaussianMixture(2, random_state=0).fit(X)


def test_rows_of_a_collapse_are_counted_among_all_rows():
    X = tied_data()
    weight = np.ones(45)
    weight[[0, 1, 11]] = 0
    em = GaussianMixture(2, means_init=[[6.0, 6.0], [0.0, 0.0]])
    with pytest.warns(CollapseWarning):
        em.fit(X, sample_weight=weight)
    assert_array_equal(em.restarts_.best.collapse.rows, [7, 19, 23, 40])


def test_reg_covar_keeps_a_component_from_collapsing():
    em = GaussianMixture(2, means_init=[[6.0, 6.0], [0.0, 0.0]], reg_covar=0.01)
    em.fit(tied_data())
    assert em.converged_
    assert_allclose(em.covariances_[0], 0.01 * np.eye(2), atol=1e-8)


def test_a_collapsed_run_loses_to_a_sound_one():
    X = numbers("faithful")
    X[:4] = X[0]
    X[:4] += [0.0, 50.0]
    away = GaussianMixture(
        2, means_init=[X[0], X.mean(0)], precisions_init=[100 * np.eye(2), np.eye(2)]
    )
    with pytest.warns(CollapseWarning):
        collapsed = away.fit(X).restarts_.best
    start = partition_start(X, (X[:, 0] > 3).astype(int), "full")
    sound = run_em(objective_of(X, "full"), start, max_iter=2000)
    assert sound.status is Status.CONVERGED
    better = replace(collapsed, objective=sound.objective + 100)
    both = Restarts.of([better, sound], len(X), len(X))
    assert both.best is sound
    assert both.n_collapsed == 1
    assert len(both.optima) == 1


def test_a_maximum_on_two_rows_comes_after_the_sound_ones():
    X = numbers("galaxies")
    em = GaussianMixture(5, n_init=30, random_state=0, max_iter=5000).fit(X)
    optima = em.optima_
    on_pairs = optima.smallest_weight * len(X) < 2.5
    assert_array_equal(optima.spurious, on_pairs)
    assert on_pairs.any()
    assert not on_pairs[0]
    assert optima.log_likelihood[0] < optima.log_likelihood.max()
    assert em.log_likelihood_ == optima.log_likelihood[0]
    assert not em.restarts_.spurious
    assert is_spurious(em.restarts_.optima[-1].run, len(X))


def test_the_limit_of_steps_is_reported_with_numbers():
    X = numbers("faithful")
    em = GaussianMixture(3, n_init=2, max_iter=5, random_state=0)
    with pytest.warns(ConvergenceWarning) as caught:
        em.fit(X)
    assert em.status_ is Status.ITERATION_LIMIT
    assert em.n_iter_ == 5
    assert em.gradient_norm_ > GRADIENT_TOLERANCE
    text = str(caught[0].message)
    assert "EM did not converge in `max_iter`=5 steps" in text
    assert f"{em.gradient_norm_:.1e}" in text
    assert "1e-07" in text
    assert f"{em.restarts_.best.gain:.1e}" in text
    assert len(caught) == 1


def test_rounding_is_named_where_more_steps_cannot_help():
    X = numbers("faithful") + 1e10
    em = GaussianMixture(2, n_init=1, max_iter=60, random_state=0)
    with pytest.warns(ConvergenceWarning, match="subtract a constant first"):
        em.fit(X)


def test_means_are_exact_far_from_the_origin():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 2)).round(3)
    mean, covariance = weighted_covariance(values + 2.0**30)
    assert_allclose(mean - 2.0**30, values.mean(0), atol=1e-6)
    assert_allclose(covariance, np.cov(values.T, bias=True), atol=1e-6)
