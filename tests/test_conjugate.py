"""The conjugate prior: mclust's maxima, the density by definition, laws, bad data."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import invgamma, invwishart, multivariate_normal
from sklearn.base import clone

from bayesgmm import ConjugatePrior, GaussianMixture, conjugate_prior, datasets
from bayesgmm.covariances import FAMILIES, covariance_family
from bayesgmm.errors import ConvergenceWarning, InputError
from bayesgmm.maximise import Maximiser
from bayesgmm.observations import Complete
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective

TYPES = list(FAMILIES)
# mclust's means of this family are not shrunk though its variances are, so that its
# fits are maxima of no density; one is 1.3e-3 away, the other three are within 1e-3.
NO_MAXIMUM = [("EEI", 4)]


def numbers(name):
    return datasets.load(name).to_numpy(dtype=float)


def some_data(seed=0, n=90, d=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    X[: n // 3] += 3.0
    return X


def from_partition(X, labels, covariance_type, prior="default", **settings):
    """Return an estimator that begins with the M-step of a partition."""
    default = conjugate_prior(X, int(labels.max()) + 1, covariance_type)
    groups = [X[labels == k] for k in range(labels.max() + 1)]
    counts = np.array([float(len(g)) for g in groups])
    means = np.array([g.mean(axis=0) for g in groups])
    scatters = np.array([(g - g.mean(0)).T @ (g - g.mean(0)) for g in groups])
    family = covariance_family(covariance_type, X.shape[1])
    rows, added = default.rows(family, means)
    covariances = family.estimate(scatters + added, counts + rows)
    return GaussianMixture(
        len(groups),
        covariance_type=covariance_type,
        weights_init=counts / len(X),
        means_init=means,
        precisions_init=family.compact(np.linalg.inv(covariances)),
        prior=prior,
        **{"max_iter": 5000} | settings,
    )


# -- mclust ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["faithful", "acidity"])
def test_maxima_under_the_default_prior_are_those_of_mclust(name, golden):
    X, partitions = numbers(name), golden("mclust_fits.json")[name]["init_labels"]
    for fit in golden("mclust_map.json")[name]:
        labels = np.array(list(partitions[str(fit["G"])])).astype(int)
        em = from_partition(X, labels - labels.min(), fit["model"], "mclust").fit(X)
        assert em.converged_
        wide = (fit["model"], fit["G"]) in NO_MAXIMUM
        expected = pytest.approx(fit["loglik"], abs=2e-3 if wide else 1e-3)
        assert em.log_likelihood_ == expected, (fit["model"], fit["G"])


# -- the density ----------------------------------------------------------------------


def some_prior(d, degrees=7.0):
    rng = np.random.default_rng(5)
    root = rng.normal(size=(d, d))
    names = tuple(f"x{j}" for j in range(d))
    return ConjugatePrior(rng.normal(size=d), 0.4, degrees, root @ root.T, names)


def by_definition(prior, p):
    """Return the log density from SciPy's distributions; None if they have none.

    Balls and axes have inverse-gamma variances; what all share is counted once.
    """
    name = p.family.mclust_name
    nu, scale, total = prior.degrees_of_freedom, prior.scale, 0.0
    for mean, covariance in zip(p.means, p.covariances, strict=True):
        spread = covariance / prior.shrinkage
        total += multivariate_normal.logpdf(mean, prior.mean, spread)
    for covariance in p.covariances if "V" in name else p.covariances[:1]:
        variances, scales = np.diag(covariance), np.diag(scale)
        if name[1:] == "II":
            ball = invgamma(nu / 2, scale=scales.mean() / 2)
            total += ball.logpdf(variances[0])
        elif name[2] == "I":
            total += invgamma.logpdf(variances, nu / 2, scale=scales / 2).sum()
        else:
            total += invwishart.logpdf(covariance, nu, scale)
    return total


def some_parameters(covariance_type, seed, k=3, d=3):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d))
    counts = np.arange(1.0, k + 1)
    scatters = roots @ np.swapaxes(roots, 1, 2) + 0.2 * np.eye(d)
    family = FAMILIES[covariance_type]
    return MixtureParameters(
        counts / counts.sum(),
        rng.normal(size=(k, d)),
        family.estimate(scatters, counts),
        covariance_type,
        tuple(f"x{j}" for j in range(d)),
    )


@pytest.mark.parametrize("covariance_type", TYPES)
def test_density_is_that_of_the_distributions_but_for_a_constant(covariance_type):
    prior, gaps = some_prior(3), []
    for seed in range(4):
        p = some_parameters(covariance_type, seed)
        gaps.append(prior.log_density(p) - by_definition(prior, p))
    assert_allclose(gaps, gaps[0], atol=1e-9)


def fitted(X, covariance_type, prior="default", k=3, **settings):
    labels = np.argsort(np.argsort(X[:, 0])) * k // len(X)
    return from_partition(X, labels, covariance_type, prior, **settings).fit(X)


@pytest.mark.parametrize("prior", ["default", "given"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_fit_is_a_maximum_of_likelihood_times_density(covariance_type, prior):
    """Compared with members of the family close by; the objective is by definition."""
    X, k = some_data(n=60), 3
    given = some_prior(3) if prior == "given" else "default"
    em = fitted(X, covariance_type, given)
    assert em.converged_
    chosen = conjugate_prior(X, k, covariance_type) if given == "default" else given
    top = em.parameters_
    best = log_likelihood(X, top) + chosen.log_density(top)
    assert em.lower_bound_ * len(X) == pytest.approx(best, rel=1e-10)
    for other in neighbours(top, np.random.default_rng(1)):
        value = log_likelihood(X, other) + chosen.log_density(other)
        assert value < best


def log_likelihood(X, p):
    rows = zip(p.weights, p.means, p.covariances, strict=True)
    joint = [np.log(w) + multivariate_normal.logpdf(X, m, c) for w, m, c in rows]
    return np.logaddexp.reduce(joint).sum()


def neighbours(p, rng, step=1e-3):
    """Yield mixtures of the same family in random directions, and in the opposite."""
    k, d = p.means.shape
    roots = np.linalg.cholesky(p.covariances)
    for _ in range(20):
        bend = rng.normal(size=(k, d, d))
        bend += np.swapaxes(bend, 1, 2)
        moves = rng.normal(size=k), rng.normal(size=(k, d)), bend
        for sign in (-step, step):
            odds, shift, bend = (sign * move for move in moves)
            covariances = roots @ (np.eye(d) + bend) @ np.swapaxes(roots, 1, 2)
            scatters = p.weights[:, None, None] * covariances
            yield replace(
                p,
                weights=p.weights * np.exp(odds) / (p.weights @ np.exp(odds)),
                means=p.means + np.einsum("kij,kj->ki", roots, shift),
                covariances=p.family.estimate(scatters, p.weights),
            )


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_gradient_norm_is_that_of_finite_differences(covariance_type):
    """In families that are linear spaces the largest of three blocks is plain."""
    X, prior = some_data(n=30, d=2), some_prior(2)
    p = replace(
        some_parameters(covariance_type, 2, k=2, d=2), weights=np.array([0.4, 0.6])
    )
    for changes in ({}, {"means": p.means + 2.0}, {"weights": np.array([0.05, 0.95])}):
        at = replace(p, **changes)
        whole = np.eye(2)
        step = Objective(Complete(X), whole, Maximiser(prior=prior)).step(at)
        blocks = gradient_by_differences(X, prior, at)
        assert step.gradient_norm == pytest.approx(max(blocks), rel=1e-5)
        value = log_likelihood(X, at) + prior.log_density(at)
        assert step.objective == pytest.approx(value, rel=1e-12)


def gradient_by_differences(X, prior, p, h=1e-5):
    k, d = p.means.shape
    roots = np.linalg.cholesky(p.covariances)

    def slope(move):
        ends = [replace(p, **move(t)) for t in (h, -h)]
        up, down = (log_likelihood(X, e) + prior.log_density(e) for e in ends)
        return (up - down) / (2 * h * len(X))

    def odds(j):
        return lambda t: {"weights": _softly(p.weights, t * (np.arange(k) == j))}

    def shift(j, i):
        unit = np.zeros((k, d))
        unit[j] = roots[j][:, i]
        return lambda t: {"means": p.means + t * unit}

    def bend(group, E):
        on = np.isin(np.arange(k), group)[:, None, None]
        turned = roots @ E @ np.swapaxes(roots, 1, 2)
        return lambda t: {"covariances": p.covariances + t * on * turned}

    groups = (
        [list(range(k))] if p.covariance_type == "tied" else [[j] for j in range(k)]
    )
    basis = directions(d, p.covariance_type)
    moves = [[slope(shift(j, i)) for i in range(d)] for j in range(k)]
    bends = [[slope(bend(group, E)) for E in basis] for group in groups]
    return [
        sum(abs(slope(odds(j))) for j in range(k)),
        np.linalg.norm(moves, axis=1).sum(),
        np.linalg.norm(bends, axis=1).sum(),
    ]


def _softly(weights, odds):
    weights = weights * np.exp(odds)
    return weights / weights.sum()


def directions(d, covariance_type):
    """Return an orthonormal basis of the whitened directions of a family."""
    if covariance_type == "spherical":
        return [np.eye(d) / np.sqrt(d)]
    basis = []
    for i in range(d):
        for j in range(i, d if covariance_type != "diag" else i + 1):
            E = np.zeros((d, d))
            E[i, j] = E[j, i] = 1 if i == j else np.sqrt(0.5)
            basis.append(E)
    return basis


# -- laws -----------------------------------------------------------------------------


@pytest.mark.parametrize("tol", [None, 1e-10])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_no_step_lowers_the_objective(covariance_type, tol):
    for seed in range(3):
        X = some_data(seed, n=70)
        em = fitted(X, covariance_type, k=4, tol=tol)
        assert em.converged_
        values = np.array(em.lower_bounds_)
        assert len(values) > 5
        assert np.diff(values).min() >= -1e-12 * abs(values[-1])


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_default_prior_moves_with_the_data(covariance_type):
    X = some_data(2)
    still = fitted(X, covariance_type, k=2)
    for scale, shift in ((1e-6, 0.0), (1e6, 0.0), (1.0, 1e6)):
        moved = fitted(scale * X + shift, covariance_type, k=2)
        assert moved.converged_
        log_scale = X.size * np.log(scale)
        assert moved.log_likelihood_ + log_scale == pytest.approx(
            still.log_likelihood_, abs=1e-5
        )
        assert_allclose((moved.means_ - shift) / scale, still.means_, atol=1e-5)
        assert_allclose(
            moved.parameters_.covariances / scale**2,
            still.parameters_.covariances,
            atol=1e-5 * np.abs(still.parameters_.covariances).max(),
        )


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_prior_worth_next_to_nothing_leaves_maximum_likelihood(covariance_type):
    X = some_data(3)
    free = fitted(X, covariance_type, None)
    gaps = []
    for little in (1e-2, 1e-4):
        # Degrees that are worth no rows: what is left are kappa and the scale.
        none = {"II": -2.0 - 3.0, "EI": -3.0, "VI": -3.0}
        name = FAMILIES[covariance_type].mclust_name
        degrees = none.get(name[1:], -5.0)
        if "V" not in name:
            degrees = {"EII": -2.0 - 9.0, "EEI": -5.0, "EEE": -7.0}[name]
        prior = conjugate_prior(X, 3, "full", shrinkage=little)
        prior = replace(prior, degrees_of_freedom=degrees, scale=little * prior.scale)
        em = fitted(X, covariance_type, prior)
        gaps.append(np.abs(em.parameters_.covariances - free.parameters_.covariances))
    assert gaps[1].max() < 0.1 * gaps[0].max()
    assert gaps[1].max() < 1e-3 * free.parameters_.covariances.max()
    assert free.log_likelihood_ >= em.log_likelihood_ > free.log_likelihood_ - 1e-4


@pytest.mark.parametrize("covariance_type", TYPES)
def test_weight_two_is_the_row_twice(covariance_type):
    X = some_data(4, n=60)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    start = fitted(X, covariance_type, max_iter=2000)
    again = GaussianMixture(
        3,
        covariance_type=covariance_type,
        weights_init=start.weights_,
        means_init=start.means_,
        precisions_init=start.precisions_,
        prior="default",
    )
    weighted = again.fit(X, sample_weight=weight).log_likelihood_
    repeated = again.fit(np.repeat(X, weight, axis=0)).log_likelihood_
    assert weighted == pytest.approx(repeated, rel=1e-9)


def test_the_paper_in_numbers():
    """One component, by hand: rows 0, 2, 4 have mean 2, scatter 8 and variance 4."""
    X = np.array([[0.0], [2.0], [4.0]])
    prior = conjugate_prior(X, 1)
    assert (prior.mean, prior.scale, prior.degrees_of_freedom) == (2.0, 4.0, 3.0)
    em = GaussianMixture(1, prior=prior).fit(X)
    # (scale + scatter) / (n + degrees + d + 2)
    assert em.covariances_[0, 0, 0] == pytest.approx((4 + 8) / (3 + 3 + 1 + 2))
    far = replace(prior, mean=np.array([5.0]), shrinkage=1.0)
    em = GaussianMixture(1, prior=far).fit(X)
    assert em.means_[0, 0] == pytest.approx((3 * 2 + 5) / 4)
    shifted = 1 * 3 / (1 + 3) * (2 - 5) ** 2
    assert em.covariances_[0, 0, 0] == pytest.approx((4 + 8 + shifted) / 9)


def test_bic_is_that_of_the_likelihood():
    X = numbers("faithful")
    em = fitted(X, "full", k=2)
    deviance = -2 * log_likelihood(X, em.parameters_)
    assert em.bic(X) == pytest.approx(deviance + 11 * np.log(272))
    # mclust's table, which stops a little below the maximum.
    assert 0 < -em.bic(X) + 2322.6861193679 < 1e-2


# -- data on which the likelihood has no maximum --------------------------------------


def rows_twice(rng):
    return np.repeat(rng.normal(size=(4, 3)), [1, 2, 5, 9], axis=0)


def constant_in_a_cluster(rng):
    X = rng.normal(size=(30, 3))
    X[:10, 1] = 4.0
    return X


BAD = {
    "as many components as rows": lambda rng: rng.normal(size=(4, 3)),
    "duplicates": rows_twice,
    "fewer rows than columns": lambda rng: rng.normal(size=(5, 6)),
    "collinear": lambda rng: rng.normal(size=(40, 1)) * [1.0, 2.0, -3.0],
    "constant within a cluster": constant_in_a_cluster,
    "an outlier": lambda rng: np.r_[rng.normal(size=(30, 3)), [[1e6, 0.0, 0.0]]],
}


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("name", BAD)
def test_the_prior_keeps_covariances_positive_definite(name, covariance_type):
    X = BAD[name](np.random.default_rng(0))
    em = GaussianMixture(
        4,
        covariance_type=covariance_type,
        prior="default",
        n_init=1,
        random_state=0,
        max_iter=200,
        split_merge=False,
    )
    with warnings.catch_warnings():  # components that coincide may crawl for long
        warnings.simplefilter("ignore", ConvergenceWarning)
        em.fit(X)
    p = em.parameters_
    assert np.linalg.eigvalsh(p.covariances).min() > 0
    assert np.isfinite(p.means).all()
    assert np.isfinite(em.log_likelihood_)


def test_a_scale_without_spread_in_some_direction_keeps_its_diagonal():
    X = np.random.default_rng(0).normal(size=(40, 1)) * [1.0, 2.0]
    scale = conjugate_prior(X, 1).scale
    assert_allclose(scale, np.diag(X.var(axis=0, ddof=1)))


# -- the door -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        ("defualt", "Did you mean 'default'"),
        (3, "be a known name"),
        (some_prior(2), "have the 3 features"),
        (some_prior(3, -20.0), "no less than nothing"),
    ],
)
def test_priors_that_cannot_be_used_are_refused(prior, text):
    with pytest.raises(InputError, match=text):
        GaussianMixture(2, prior=prior).fit(some_data())


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("shrinkage", -1.0, "`shrinkage` must be a number of 0 or more"),
        ("scale", -np.eye(3), "without negative eigenvalues"),
        ("scale", np.eye(2), "shape"),
        ("mean", np.zeros(2), "one entry a feature"),
    ],
)
def test_priors_that_are_none_are_refused(field, value, text):
    with pytest.raises(InputError, match=text):
        replace(some_prior(3), **{field: value})


def test_weights_without_a_row_are_refused():
    with pytest.raises(InputError, match="more than one observation"):
        conjugate_prior(some_data(), 2, sample_weight=np.full(90, 0.01))


def test_a_prior_is_a_parameter_like_others():
    prior = some_prior(3)
    em = GaussianMixture(2, prior=prior, random_state=0, n_init=1)
    assert em.get_params()["prior"] is prior
    X = some_data()
    a, b = clone(em).fit(X), em.fit(X)
    c = pickle.loads(pickle.dumps(b))
    assert a.log_likelihood_ == b.log_likelihood_ == c.fit(X).log_likelihood_
    assert "degrees of freedom 7" in str(prior)
    assert "x2" in str(prior)
