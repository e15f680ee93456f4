"""The slow truth: written from the definitions, importing nothing from `kernels`.

Extended precision where it costs nothing, one row and one component at a time.
"""

from itertools import product

import numpy as np

LONG = np.longdouble


def gaussian_log_density(x, mean, covariance):
    """Return log N(x | mean, covariance) of one row, by determinant and solve."""
    x, mean = np.asarray(x, dtype=float), np.asarray(mean, dtype=float)
    covariance = np.atleast_2d(covariance)
    distance = (x - mean) @ np.linalg.solve(covariance, x - mean)
    log_det = np.linalg.slogdet(covariance)[1]
    return -0.5 * (len(x) * np.log(2 * np.pi) + log_det + distance)


def log_sum_exp(values):
    """Return log(sum(exp(values))), -inf for values that are all -inf."""
    top = np.max(values)
    if top == -np.inf:
        return top
    return top + np.log(np.sum(np.exp(values - top)))


def log_joint(X, quadratics):
    """Return offsets[k] - 1/2 |(x_n - means[k]) P_k|^2, row by row."""
    offsets, means, factors = (np.asarray(part, dtype=LONG) for part in quadratics)
    out = np.empty((len(X), len(offsets)), dtype=LONG)
    for n, x in enumerate(np.asarray(X).astype(LONG)):
        for k in range(len(offsets)):
            z = (x - means[k]) @ np.triu(factors[k])
            out[n, k] = offsets[k] - z @ z / 2
    return out


def log_likelihood_rows(X, quadratics):
    """Return log p(x_n), row by row."""
    return np.array([log_sum_exp(row) for row in log_joint(X, quadratics)])


def responsibilities(X, quadratics):
    """Return p(k | x_n); zeros for a row that no component can explain."""
    joint = log_joint(X, quadratics)
    out = np.zeros_like(joint)
    for n, row in enumerate(joint):
        if row.max() > -np.inf:
            out[n] = np.exp(row - log_sum_exp(row))
    return out


def one_pass(X, quadratics, sample_weight=None):
    """Return (log-likelihood, counts, sums, outer products), naive sums."""
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    means = np.asarray(quadratics[1], dtype=LONG)
    shares = responsibilities(X, quadratics) * weight[:, None]
    scores = log_likelihood_rows(X, quadratics)
    log_likelihood = sum(w * s for w, s in zip(weight, scores, strict=True) if w)
    counts, sums = shares.sum(0), np.zeros(means.shape, LONG)
    outer_products = np.zeros((*means.shape, means.shape[1]), LONG)
    for x, share in zip(np.asarray(X).astype(LONG), shares, strict=True):
        for k in range(len(means)):
            sums[k] += share[k] * (x - means[k])
            outer_products[k] += share[k] * np.outer(x - means[k], x - means[k])
    return log_likelihood, counts, sums, outer_products


def allocations(n_observations, n_components):
    """Return all n_components^n_observations ways to label the rows."""
    return np.array(list(product(range(n_components), repeat=n_observations)))


def log_likelihood_by_enumeration(X, weights, means, covariances):
    """Return log p(X) as a sum over every allocation of rows to components."""
    terms = []
    for labels in allocations(len(X), len(weights)):
        terms.append(
            sum(
                np.log(weights[k]) + gaussian_log_density(x, means[k], covariances[k])
                for x, k in zip(X, labels, strict=True)
            )
        )
    return log_sum_exp(np.array(terms))


def _observed(x, at):
    """Return which columns of a row were observed, and the log-joint given those."""
    seen = np.flatnonzero(~np.isnan(x))
    parts = zip(at.weights, at.means, at.covariances, strict=True)
    joint = [
        np.log(w) + gaussian_log_density(x[seen], m[seen], S[np.ix_(seen, seen)])
        for w, m, S in parts
    ]
    return seen, np.array(joint)


def observed_log_likelihood_rows(X, at):
    """Return the log density of what was observed of every row, row by row."""
    return np.array([log_sum_exp(_observed(x, at)[1]) for x in X])


def observed_responsibilities(X, at):
    """Return p(k | what was observed), row by row."""
    joints = [_observed(x, at)[1] for x in X]
    return np.array([np.exp(joint - log_sum_exp(joint)) for joint in joints])


def _given_observed(x, seen, mean, covariance):
    """Return mean and covariance of a row given its observed columns, by inversion."""
    expected, spread = mean.copy(), covariance.copy()
    if len(seen):
        slope = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        expected = mean + slope @ (x[seen] - mean[seen])
        spread = covariance - slope @ covariance[seen]
    expected[seen] = x[seen]
    return expected, spread


def expected_moments(X, at, sample_weight=None):
    """Return (log-likelihood, counts, sums, outer products) given what was observed."""
    k, d = at.means.shape
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    counts, sums, outer_products = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    shares = observed_responsibilities(X, at)
    for x, share, w in zip(X, shares, weight, strict=True):
        seen = np.flatnonzero(~np.isnan(x))
        for j in range(k):
            mean, spread = _given_observed(x, seen, at.means[j], at.covariances[j])
            gap, r = mean - at.means[j], w * share[j]
            counts[j] += r
            sums[j] += r * gap
            outer_products[j] += r * (np.outer(gap, gap) + spread)
    log_likelihood = weight @ observed_log_likelihood_rows(X, at)
    return log_likelihood, counts, sums, outer_products


def expected_rows(X, at):
    """Return every row with its gaps filled by their mean over components."""
    shares = observed_responsibilities(X, at)
    out = np.zeros(X.shape)
    for n, x in enumerate(X):
        seen = np.flatnonzero(~np.isnan(x))
        for share, mean, S in zip(shares[n], at.means, at.covariances, strict=True):
            out[n] += share * _given_observed(x, seen, mean, S)[0]
    return out
