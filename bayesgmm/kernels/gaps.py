"""Rows with gaps, a few of each pattern: every pattern has its own factors. Serial.

With the observed columns first, a covariance is L L^T. Of a row, the solution of
L z = x - mean in those gives the distance, L z the columns expected, and what is left
of L the spread about them.
"""

import numpy as np

from bayesgmm.kernels.elementary import fast

_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


@fast
def expect_gaps(X, sample_weight, starts, log_weights, means, covariances):
    """Score rows by their observed columns and sum the moments expected of all columns.

    Parameters
    ----------
    X : array of shape (n_observations, n_features), float64
        NaN where not observed. Rows of one pattern stand together.
    sample_weight : array of shape (n_observations,)
    starts : array of int, shape (n_patterns + 1,)
        Where a pattern begins, and the end.
    log_weights, means, covariances : arrays
        Of the mixture.

    Returns
    -------
    log_likelihood : float
        Weighted.
    counts, sums, outer_products : arrays
        The fields of `SufficientStatistics`.
    """
    (n_components, d), longest = means.shape, np.diff(starts).max()
    counts, sums = np.zeros(n_components), np.zeros((n_components, d))
    outer_products = np.zeros((n_components, d, d))
    order, lower = np.empty(d, np.int64), np.empty((n_components, d, d))
    z, joint = np.empty((n_components, longest, d)), np.empty((longest, n_components))
    gap, log_likelihood = np.empty(d), 0.0
    for p in range(len(starts) - 1):
        rows, weight = X[starts[p] : starts[p + 1]], sample_weight[starts[p] :]
        n_seen = _observed_first(rows[0], order)
        for k in range(n_components):
            log_root = _factor(covariances[k], order, n_seen, lower[k])
            offset = log_weights[k] - log_root - n_seen * _HALF_LOG_2PI
            for n in range(len(rows)):
                square = _solve(rows[n], means[k], order, n_seen, lower[k], z[k, n])
                joint[n, k] = offset - 0.5 * square
        for n in range(len(rows)):
            log_likelihood += _normalise(joint[n], weight[n])
        for k in range(n_components):
            count = 0.0
            for n in range(len(rows)):
                r = joint[n, k]
                if r == 0.0:
                    continue
                count += r
                _expect(rows[n], means[k], order, n_seen, lower[k], z[k, n], gap)
                for i in range(d):
                    sums[k, i] += r * gap[i]
                    for j in range(d):
                        outer_products[k, i, j] += r * gap[i] * gap[j]
            counts[k] += count
            _add_spread(count, order, n_seen, lower[k], outer_products[k])
    return log_likelihood, counts, sums, outer_products


@fast
def _observed_first(row, order):
    """Fill the order of the columns; return how many were observed."""
    n_seen = 0
    for j in range(len(row)):
        if not np.isnan(row[j]):
            order[n_seen] = j
            n_seen += 1
    n_ordered = n_seen
    for j in range(len(row)):
        if np.isnan(row[j]):
            order[n_ordered] = j
            n_ordered += 1
    return n_seen


@fast
def _factor(covariance, order, n_seen, lower):
    """Fill the Cholesky factor; return the log root of the observed determinant."""
    log_root = 0.0
    for i in range(len(order)):
        for j in range(i + 1):
            left = covariance[order[i], order[j]]
            for m in range(j):
                left -= lower[i, m] * lower[j, m]
            lower[i, j] = np.sqrt(left) if i == j else left / lower[j, j]
        if i < n_seen:
            log_root += np.log(lower[i, i])
    return log_root


@fast
def _solve(x, mean, order, n_seen, lower, z):
    """Fill z = lower^-1 (x - mean), of the observed columns; return its square."""
    square = 0.0
    for i in range(n_seen):
        left = x[order[i]] - mean[order[i]]
        for m in range(i):
            left -= lower[i, m] * z[m]
        z[i] = left / lower[i, i]
        square += z[i] * z[i]
    return square


@fast
def _normalise(joint, weight):
    """Turn log-joints into weighted responsibilities; return the weighted score."""
    top, total = -np.inf, 0.0
    for k in range(len(joint)):
        top = max(top, joint[k])
    if top == -np.inf:
        joint[:] = 0.0
        return -np.inf
    for k in range(len(joint)):
        joint[k] = np.exp(joint[k] - top)
        total += joint[k]
    for k in range(len(joint)):
        joint[k] *= weight / total
    return weight * (top + np.log(total))


@fast
def _expect(x, mean, order, n_seen, lower, z, gap):
    """Fill the distance from the mean: as observed, or as expected given that."""
    for i in range(len(order)):
        if i < n_seen:
            gap[order[i]] = x[order[i]] - mean[order[i]]
        else:
            expected = 0.0
            for m in range(n_seen):
                expected += lower[i, m] * z[m]
            gap[order[i]] = expected


@fast
def _add_spread(count, order, n_seen, lower, outer):
    """Add the covariance of the missing columns given the observed ones."""
    for i in range(n_seen, len(order)):
        for j in range(n_seen, i + 1):
            spread = 0.0
            for m in range(n_seen, j + 1):
                spread += lower[i, m] * lower[j, m]
            outer[order[i], order[j]] += count * spread
            if i != j:
                outer[order[j], order[i]] += count * spread
