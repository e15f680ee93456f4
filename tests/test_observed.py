"""Posteriors of rows with gaps, known labels, noise and weights, by PyMC's methods."""

import numpy as np
import pytest
from oracle_observed import log_joint, log_likelihoods
from scipy.optimize import approx_fprime
from scipy.special import logsumexp

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.kernels import observed
from bayesgmm.patterns import group_rows

RNG = np.random.default_rng(5)


def mixture(k=3, d=3):
    means = RNG.normal(0, 2, (k, d))
    lower = np.tril(RNG.normal(0, 0.4, (k, d, d)), -1)
    lower += RNG.uniform(0.5, 1.5, (k, d, 1)) * np.eye(d)
    return RNG.dirichlet(np.full(k, 3.0)), means, lower


def rows_with_gaps(n=60, d=3):
    X = RNG.normal(0, 2, (n, d))
    X[RNG.random((n, d)) < 0.3] = np.nan
    X[np.isnan(X).all(axis=1)] = 0.5
    return X


def some_allowed(n, k):
    allowed = np.ones((n, k), dtype=bool)
    allowed[: n // 3] = np.eye(k, dtype=bool)[RNG.integers(k, size=n // 3)]
    allowed[n // 3 : n // 2, 0] = False
    return allowed


@pytest.mark.parametrize("case", ["gaps", "labels", "gaps and labels", "noise"])
def test_likelihood_and_gradient(case):
    """Of rows from the definition, and of their weighted sum by differences."""
    X, (weights, means, lower) = rows_with_gaps(), mixture()
    allowed = some_allowed(60, 3) if "labels" in case else None
    noise = None
    if "gaps" not in case:
        X = np.where(np.isnan(X), 1.0, X)
    if case == "noise":
        allowed, noise = some_allowed(60, 3), (0.2, 0.01)
        weights = 0.8 * weights
    groups = group_rows(X, allowed, 3, noisy=noise is not None)
    shares = weights if noise is None else np.append(weights, noise[0])
    weight = RNG.uniform(0, 2, 60)
    data = (
        X,
        weight,
        groups.order.astype(float),
        groups.starts.astype(float),
        groups.limits,
        np.log([1.0 if noise is None else noise[1]]),
    )

    def total(flat):
        a, b = len(shares), len(shares) + means.size
        L = np.zeros((3, 3, 3))
        L[:, *np.tril_indices(3)] = flat[b:].reshape(3, 6)
        return sum_of(flat[:a], flat[a:b].reshape(3, 3), L)

    def sum_of(s, m, L):
        own = noise and (s[-1], noise[1])
        covs = L @ np.swapaxes(L, 1, 2)
        return weight @ log_likelihoods(X, s[:3], m, covs, allowed, own)

    rows, *gradient = observed.log_likelihood_and_gradient(*data, shares, means, lower)
    covs = lower @ np.swapaxes(lower, 1, 2)
    exact = weight * log_likelihoods(X, weights, means, covs, allowed, noise)
    np.testing.assert_allclose(rows, exact, rtol=1e-10, atol=1e-12)
    free = lower[:, *np.tril_indices(3)]
    flat = np.concatenate([shares, means.ravel(), free.ravel()])
    by_hand = approx_fprime(flat, total, 1e-7)
    ours = np.concatenate(
        [gradient[0], gradient[1].ravel(), gradient[2][:, *np.tril_indices(3)].ravel()]
    )
    np.testing.assert_allclose(ours, by_hand, rtol=1e-4, atol=1e-4)
    # A cotangent that differs by row is a weight.
    cotangent = RNG.uniform(-1, 1, 60)
    args = (*data, shares, means, lower, *gradient)
    again = observed.weighted_gradient(cotangent, *args)
    moved = (X, weight * cotangent, *data[2:])
    expected = observed.log_likelihood_and_gradient(*moved, shares, means, lower)[1:]
    for one, other in zip(again, expected, strict=True):
        np.testing.assert_allclose(one, other)


# Posteriors ------------------------------------------------------------------------


def two_groups(n=30):
    rng = np.random.default_rng(2)
    X = np.concatenate([rng.normal(0, 1, (n, 2)), rng.normal(3.5, 1, (n, 2))])
    return X, rng


def read(posterior):
    group = posterior["posterior"].isel(chain=0, draw=slice(0, 4))
    return [group[name].values for name in ("weights", "means", "covariances")]


@pytest.fixture(scope="module")
def gappy():
    """Gaps, weights, and labels that name the second group 0."""
    X, rng = two_groups()
    X[rng.random(X.shape) < 0.25] = np.nan
    X[np.isnan(X).all(axis=1)] = 1.0
    labels, weight = np.full(60, -1), rng.uniform(0.5, 2, 60)
    labels[:3], labels[30:33] = 1, 0
    settings = {"labels": labels, "missing": "fiml", "sample_weight": weight}
    em = bg.GaussianMixture(2, missing="fiml", random_state=0)
    em.fit(X, labels=labels, sample_weight=weight)
    posterior = bg.sample(
        X, 2, init=em, draws=200, tune=100, random_seed=1, progress=False, **settings
    )
    return X, labels, weight, posterior


@pytest.fixture(scope="module")
def noisy():
    X, rng = two_groups()
    X = np.concatenate([X, rng.uniform(-6, 10, (15, 2))])
    em = bg.GaussianMixture(2, noise=True, random_state=0).fit(X)
    posterior = bg.sample(
        X, 2, init=em, draws=200, tune=100, random_seed=1, progress=False
    )
    return X, em, posterior


def test_log_likelihoods_of_rows_with_gaps_labels_and_weights(gappy):
    X, labels, weight, posterior = gappy
    logs = posterior["log_likelihood"]["x"].values[0, :4]
    allowed = (labels[:, None] == [0, 1]) | (labels[:, None] == -1)
    for rows, *mixture in zip(logs, *read(posterior), strict=True):
        exact = weight * log_likelihoods(X, *mixture, allowed)
        np.testing.assert_allclose(rows, exact, rtol=1e-8)


def test_membership_of_rows_with_gaps(gappy):
    X, labels, _, posterior = gappy
    allowed = (labels[:, None] == [0, 1]) | (labels[:, None] == -1)
    some = posterior.isel(chain=slice(0, 1), draw=slice(0, 4))
    found = bg.membership(some)["probability"].values
    each = []
    for mixture in zip(*read(posterior), strict=True):
        logs = np.array([log_joint(x, *mixture) for x in X])
        logs[~allowed] = -np.inf
        each.append(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)))
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-10)
    np.testing.assert_array_equal(bg.membership(some, X)["probability"], found)


def test_labels_name_components(gappy):
    """Nothing is left to relabel, by whatever method."""
    posterior = gappy[-1]
    means = posterior["posterior"]["means"].mean(("chain", "draw")).values
    assert (means[0] > 2.0).all()
    assert (means[1] < 1.5).all()
    for method in ("ecr", "stephens"):
        again = bg.relabel(posterior, method)["relabelling"]
        assert (again["permutation"] == [0, 1]).all()
        assert (again["confidence"] == 1.0).all()


@pytest.mark.filterwarnings("ignore:.*Pareto k:bayesgmm.errors.PosteriorWarning")
def test_what_is_read_off_rows_with_gaps(gappy):
    X, _, weight, posterior = gappy
    assert bg.diagnose(posterior).invariants["r_hat"].max() < 1.1
    logs = posterior["log_likelihood"]["x"].values / weight
    in_sample = weight * (logsumexp(logs, axis=(0, 1)) - np.log(logs[..., 0].size))
    found = bg.loo(posterior)
    assert (found.elpd_i.values <= in_sample + 1e-9).all()
    assert found.elpd > in_sample.sum() - 20
    few = posterior.isel(chain=slice(0, 1), draw=slice(0, 4))
    each = [log_likelihoods(X, *m) for m in zip(*read(posterior), strict=True)]
    expected = logsumexp(each, axis=0) - np.log(4)
    np.testing.assert_allclose(bg.log_score(few, X)["log_density"], expected)


def test_noise_has_the_meaning_it_has_in_em(noisy):
    X, em, posterior = noisy
    group = posterior["posterior"]
    total = group["weights"].sum("component") + group["noise_weight"]
    np.testing.assert_allclose(total, 1.0)
    density = np.exp(em.parameters_.noise.log_density)
    logs = posterior["log_likelihood"]["x"].values[0, :4]
    weights = group["noise_weight"].values[0, :4]
    for rows, share, *mixture in zip(logs, weights, *read(posterior), strict=True):
        exact = log_likelihoods(X, *mixture, noise=(share, density))
        np.testing.assert_allclose(rows, exact, rtol=1e-8)
    assert abs(float(group["noise_weight"].mean()) - em.parameters_.noise.weight) < 0.05


def test_membership_of_noise(noisy):
    X, em, posterior = noisy
    found = bg.membership(posterior)
    assert found["component"].values.tolist() == [0, 1, -1]
    np.testing.assert_allclose(found["probability"].sum("component"), 1.0)
    agreement = (found["label"].values == em.predict(X)).mean()
    assert agreement > 0.9
    proba = found["probability"].values
    assert np.abs(proba - em.predict_proba(X)).mean() < 0.05
    relabelled = bg.relabel(posterior, "stephens")
    assert relabelled["posterior"].sizes["component"] == 2
    assert bg.diagnose(posterior).invariants["r_hat"].max() < 1.1
    assert np.isfinite(bg.loo(posterior).elpd)


def test_what_knows_no_noise_refuses_it(noisy):
    X, em, posterior = noisy
    with pytest.raises(InputError, match="without noise"):
        bg.compare(em, posterior)
    with pytest.raises(InputError, match="`noise` must be None for rows with missing"):
        bg.sample(np.where(X > 9, np.nan, X), 2, noise=True, missing="fiml")
    with pytest.raises(InputError, match="noise"):
        bg.sample(X, 2, noise=-1.0)


def test_methods_say_what_they_do_not_take():
    X, _ = two_groups()
    with pytest.raises(InputError, match=r"`labels` .*'cavi'.*nuts"):
        bg.sample(X, 2, method="cavi", labels=np.arange(60) % 2)
    with pytest.raises(InputError, match="fiml"):
        bg.sample(np.where(X > 4, np.nan, X), 2)
