"""EM for the covariance families in fifty digits, from the definitions.

Nothing here uses the package. Celeux and Govaert (1995), *Gaussian parsimonious
clustering models*, Pattern Recognition 28:781-793; common axes by Flury and Gautschi
(1986), SIAM J. Sci. Stat. Comput. 7:169-184.
"""

from decimal import Decimal, localcontext
from itertools import combinations

import numpy as np

DIGITS = 50
SMALL = Decimal(10) ** -35


def decimals(values):
    return np.vectorize(Decimal, otypes=[object])(np.asarray(values, dtype=float))


def em(X, weights, means, covariances, letters, n_steps):
    """Return (log-likelihood, weights, means, covariances) after so many steps."""
    with localcontext() as context:
        context.prec = DIGITS
        X, weights, means = decimals(X), decimals(weights), decimals(means)
        covariances = decimals(covariances)
        for _ in range(n_steps):
            shares, _ = e_step(X, weights, means, covariances)
            counts = shares.sum(axis=0)
            means = shares.T @ X / counts[:, None]
            scatters = []
            for share, mean in zip(shares.T, means, strict=True):
                centred = X - mean
                scatters.append((centred * share[:, None]).T @ centred)
            weights = counts / len(X)
            covariances = m_step(letters, np.array(scatters), counts)
        _, total = e_step(X, weights, means, covariances)
        return tuple(
            np.asarray(part, dtype=float)
            for part in (total, weights, means, covariances)
        )


def e_step(X, weights, means, covariances):
    """Return responsibilities and the log-likelihood."""
    d, joint = X.shape[1], []
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        lower = cholesky(covariance)
        z = (X - mean).T
        for i in range(d):  # forward substitution, all rows at once
            z[i] = (z[i] - lower[i, :i] @ z[:i]) / lower[i, i]
        offset = weight.ln() - sum(lower[i, i].ln() for i in range(d))
        joint.append(offset - (z * z).sum(axis=0) / 2)
    joint = np.array(joint).T
    top = joint.max(axis=1)
    parts = np.vectorize(Decimal.exp, otypes=[object])(joint - top[:, None])
    sums = parts.sum(axis=1)
    log_2pi = Decimal("1.83787706640934548356065947281123527972279494727556")
    total = sum(t + s.ln() - d * log_2pi / 2 for t, s in zip(top, sums, strict=True))
    return parts / sums[:, None], total


def cholesky(matrix):
    d = len(matrix)
    lower = np.full((d, d), Decimal(0))
    for j in range(d):
        lower[j, j] = (matrix[j, j] - lower[j, :j] @ lower[j, :j]).sqrt()
        for i in range(j + 1, d):
            rest = matrix[i, j] - lower[i, :j] @ lower[j, :j]
            lower[i, j] = rest / lower[j, j]
    return lower


def m_step(letters, W, n):
    """Return covariances of volume, shape and axes as three letters say."""
    shares, axes = letters[:2], letters[2]
    k, d = W.shape[:2]
    if letters in ("EEE", "EVV", "VEE", "VVV"):
        return {"EEE": _pool, "EVV": _one_volume, "VEE": _one_shape, "VVV": _own}[
            letters
        ](W, n, _root_determinant)
    if axes == "I":
        D = [identity(d)] * k
    elif axes == "V":
        D = [eigenvectors(w) for w in W]
    else:
        D = [common_axes(W, n, one_volume=shares[0] == "E")] * k
    diagonal = np.array(
        [identity(d) * (q.T @ w @ q) for w, q in zip(W, D, strict=True)]
    )
    if shares[1] == "I":
        diagonal = np.array([identity(d) * np.trace(w) / d for w in diagonal])
    share = {"EI": _pool, "VI": _own, "EE": _pool, "VE": _one_shape}
    share |= {"EV": _one_volume, "VV": _own}
    shared = share[shares](diagonal, n, _root_determinant)
    return np.array([q @ s @ q.T for s, q in zip(shared, D, strict=True)])


def identity(d):
    return decimals(np.eye(d))


def _pool(W, n, _):
    return np.array([W.sum(axis=0) / n.sum()] * len(W))


def _own(W, n, _):
    return W / n[:, None, None]


def _one_volume(W, n, size):
    sizes = np.array([size(w) for w in W])
    return W / sizes[:, None, None] * (sizes.sum() / n.sum())


def _one_shape(W, n, size):
    d = W.shape[1]
    volumes = np.array([np.trace(w) for w in W]) / n
    while True:
        C = (W / volumes[:, None, None]).sum(axis=0)
        C = C / size(C)
        inverse = invert(C)
        new = np.array([np.trace(w @ inverse) for w in W]) / (d * n)
        moved = max(abs(new / volumes - 1))
        volumes = new
        if moved < SMALL:
            return volumes[:, None, None] * C


def _root_determinant(matrix):
    lower, d = cholesky(matrix), len(matrix)
    return (sum(lower[i, i].ln() for i in range(d)) * 2 / d).exp()


def invert(matrix):
    lower, d = cholesky(matrix), len(matrix)
    inverse = identity(d)
    for i in range(d):
        inverse[i] = (inverse[i] - lower[i, :i] @ inverse[:i]) / lower[i, i]
    return inverse.T @ inverse


def eigenvectors(W):
    """Return eigenvectors in columns, by ascending eigenvalues."""
    axes = _rotate_until_still([W], lambda _: [Decimal(1)])
    return axes[:, np.argsort(np.diagonal(axes.T @ W @ axes))]


def common_axes(W, n, one_volume):
    def weights(spreads):
        if not one_volume:
            return n
        d = len(spreads[0])
        return [(sum(s.ln() for s in each) / d).exp() for each in spreads]

    return _rotate_until_still(W, weights)


def _rotate_until_still(W, weights):
    """Turn plane by plane to the eigenvectors of Flury and Gautschi's sums."""
    d = len(W[0])
    axes = identity(d)
    if len(W) > 1:
        axes = eigenvectors(sum(W[1:], W[0]))
    while True:
        largest = Decimal(0)
        for p, q in combinations(range(d), 2):
            turned = [axes.T @ w @ axes for w in W]
            factors = weights([np.diagonal(t) for t in turned])
            a = b = Decimal(0)
            for factor, t in zip(factors, turned, strict=True):
                x, y = t[p, p], t[q, q]
                scale = factor / (x * y)
                # Weighted by the difference of spreads, and signed by it: the
                # stationary point of sum_k factor_k log(x_k y_k) in this plane.
                a += scale * (x - y) ** 2
                b += scale * (x - y) * t[p, q]
            if a == 0:
                continue
            tangent = _tangent_of_half(2 * b / a)
            cos = 1 / (1 + tangent * tangent).sqrt()
            sin = tangent * cos
            u, v = axes[:, p].copy(), axes[:, q].copy()
            axes[:, p], axes[:, q] = cos * u + sin * v, cos * v - sin * u
            spread = max((t[p, p] / t[q, q] + t[q, q] / t[p, p]).sqrt() for t in turned)
            largest = max(largest, abs(sin) * spread)
        if largest < SMALL:
            return axes


def _tangent_of_half(tangent):
    return tangent / (1 + (1 + tangent * tangent).sqrt())
