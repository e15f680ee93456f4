"""The likelihood of rows seen in part, row by row from the definition.

Nothing here uses the package.
"""

import numpy as np
from scipy import stats
from scipy.special import logsumexp


def log_joint(x, weights, means, covariances):
    """Return log p(observed columns of x, k)."""
    seen = ~np.isnan(x)
    logs = [
        stats.multivariate_normal.logpdf(x[seen], mean[seen], cov[np.ix_(seen, seen)])
        for mean, cov in zip(means, covariances, strict=True)
    ]
    return np.log(weights) + np.array(logs)


def log_likelihoods(X, weights, means, covariances, allowed=None, noise=None):
    """Return log p(x) of every row; `noise` is its weight and density."""
    rows = np.empty(len(X))
    for n, x in enumerate(X):
        terms = log_joint(x, weights, means, covariances)
        known = allowed is not None and not allowed[n].all()
        if known:
            terms = terms[allowed[n]]
        elif noise is not None:
            terms = np.append(terms, np.log(noise[0]) + np.log(noise[1]))
        rows[n] = logsumexp(terms)
    return rows
