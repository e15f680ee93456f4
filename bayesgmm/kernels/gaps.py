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
    log_weights : array of shape (n_patterns, n_components)
        -inf where rows of a pattern cannot come from.
    means, covariances : arrays
        Of the mixture.

    Returns
    -------
    rows : array of shape (n_observations,)
        Log-likelihoods, weighted.
    counts, sums, outer_products : arrays
        The fields of `SufficientStatistics`.
    """
    (n_components, d), longest = means.shape, np.diff(starts).max()
    counts, sums = np.zeros(n_components), np.zeros((n_components, d))
    outer_products = np.zeros((n_components, d, d))
    order, lower = np.empty(d, np.int64), np.empty((n_components, d, d))
    z, joint = np.empty((n_components, longest, d)), np.empty((longest, n_components))
    gap, scores = np.empty(d), np.empty(len(X))
    for p in range(len(starts) - 1):
        rows, weight = X[starts[p] : starts[p + 1]], sample_weight[starts[p] :]
        n_seen = _observed_first(rows[0], order)
        for k in range(n_components):
            log_root = _factor(covariances[k], order, n_seen, lower[k])
            offset = log_weights[p, k] - log_root - n_seen * _HALF_LOG_2PI
            for n in range(len(rows)):
                square = _solve(rows[n], means[k], order, n_seen, lower[k], z[k, n])
                joint[n, k] = offset - 0.5 * square
        for n in range(len(rows)):
            scores[starts[p] + n] = _normalise(joint[n], weight[n])
        for k in range(n_components):
            count = 0.0
            for n in range(len(rows)):
                r = joint[n, k]
                if r == 0.0:
                    continue
                count += r
                z_n = z[k, n, :n_seen]
                _complete(rows[n], means[k], order, n_seen, lower[k], z_n, gap)
                for i in range(d):
                    sums[k, i] += r * gap[i]
                    for j in range(d):
                        outer_products[k, i, j] += r * gap[i] * gap[j]
            counts[k] += count
            _add_spread(count, order, n_seen, lower[k], outer_products[k])
    return scores, counts, sums, outer_products


@fast
def draw_gaps(
    rng, X, repeats, starts, log_weights, means, covariances, counts, sums, outers
):
    """Draw the component of every row, then what is missing of it; add the moments.

    Parameters
    ----------
    rng : numpy.random.Generator
    X, starts, log_weights, means, covariances : arrays
        As for `expect_gaps`.
    repeats : array of shape (n_observations,), float64
        How many observations each row stands for, each with a label and completed
        values of its own.
    counts, sums, outers : arrays
        What is added to: the fields of `SufficientStatistics`, or arrays with more
        features than there are.

    Returns
    -------
    float
        The log-likelihood of what was observed, whatever the labels.
    """
    n_components, d = means.shape
    order, lower = np.empty(d, np.int64), np.empty((n_components, d, d))
    z, joint = np.empty((n_components, d)), np.empty(n_components)
    offsets, gap, score = np.empty(n_components), np.empty(d), 0.0
    for p in range(len(starts) - 1):
        rows, times = X[starts[p] : starts[p + 1]], repeats[starts[p] :]
        n_seen = _observed_first(rows[0], order)
        for k in range(n_components):
            log_root = _factor(covariances[k], order, n_seen, lower[k])
            offsets[k] = log_weights[p, k] - log_root - n_seen * _HALF_LOG_2PI
        for n in range(len(rows)):
            for k in range(n_components):
                square = _solve(rows[n], means[k], order, n_seen, lower[k], z[k])
                joint[k] = offsets[k] - 0.5 * square
            n_times = int(times[n])
            score += n_times * _normalise(joint, 1.0) if n_times > 0 else 0.0
            for _ in range(n_times):
                k = _draw(rng, joint)
                for i in range(n_seen, d):
                    z[k, i] = rng.standard_normal()
                _complete(rows[n], means[k], order, n_seen, lower[k], z[k], gap)
                counts[k] += 1.0
                for i in range(d):
                    sums[k, i] += gap[i]
                    for j in range(d):
                        outers[k, i, j] += gap[i] * gap[j]
    return score


@fast
def _draw(rng, shares):
    """Draw a component; never one without a share, if any has one."""
    aim, below, last = rng.random(), 0.0, 0
    for k in range(len(shares)):
        if shares[k] > 0.0:
            last, below = k, below + shares[k]
            if aim < below:
                return k
    return last


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
        return -np.inf if weight != 0.0 else 0.0
    for k in range(len(joint)):
        joint[k] = np.exp(joint[k] - top)
        total += joint[k]
    for k in range(len(joint)):
        joint[k] *= weight / total
    return weight * (top + np.log(total))


@fast
def _complete(x, mean, order, n_seen, lower, z, gap):
    """Fill the distance from the mean: as observed, or as lower z has it.

    That is what is expected given the observed columns if `z` is of these alone, and
    a draw if the rest of `z` are standard normal.
    """
    for i in range(len(order)):
        if i < n_seen:
            gap[order[i]] = x[order[i]] - mean[order[i]]
        else:
            value = 0.0
            for m in range(min(i + 1, len(z))):
                value += lower[i, m] * z[m]
            gap[order[i]] = value


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
