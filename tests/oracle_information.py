"""Scores and second derivatives by automatic differentiation of an explicit density.

For three features. A covariance is ``F F^T`` with ``F = base @ rotation @ diag(sizes) @
diag(exp(logs / 2)) @ lower``: rotation a product of plane rotations, lower a unit lower
triangle, base and sizes those of the estimate. Logs, turns and lower entries are linear
in the free numbers; what a family shares among components is in those matrices
(`sharing`).
"""

from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode

D = 3
PLANES = [(0, 1), (0, 2), (1, 2)]


def sharing(name, n_components):
    """Return matrices from free numbers to weights, means, logs, turns and lower.

    Each of shape (n_components, size, n_parameters), for the three letters of a family.
    """
    k = n_components
    columns = []  # (which, component or None for all, values)
    for c in range(k - 1):
        columns.append(("weights", c, [1.0]))
    columns += [("means", c, row) for c in range(k) for row in np.eye(D)]
    shapes = [("logs", row) for row in ([1, -1, 0], [0, 1, -1])]
    axes = [("turns", row) for row in np.eye(D)]
    if name in ("EEE", "VEE", "EVV", "VVV"):
        axes = [("lower", row) for row in np.eye(D)]
    for letter, rows in zip(name, ([("logs", [1, 1, 1])], shapes, axes), strict=True):
        owners = {"I": [], "E": [None], "V": range(k)}[letter]
        columns += [(which, owner, row) for owner in owners for which, row in rows]
    sizes = {"weights": 1, "means": D, "logs": D, "turns": D, "lower": D}
    maps = {which: np.zeros((k, n, len(columns))) for which, n in sizes.items()}
    for p, (which, owner, row) in enumerate(columns):
        maps[which][slice(None) if owner is None else owner, :, p] = row
    return list(maps.values())


@cache
def derivatives():
    """Compile derivatives at free numbers of zero.

    Inputs: X, weight, log weights, means, bases, sizes and the maps of `sharing`.
    Outputs: the Hessian of the log-likelihood, the rows' scores, and Jacobians of
    weights, means, covariances and memberships, flattened.
    """
    X, weight = pt.dmatrix(), pt.dvector()
    log_weights, means, base = pt.dvector(), pt.dmatrix(), pt.dtensor3()
    sizes = pt.dmatrix()
    maps = [pt.dtensor3() for _ in range(5)]
    theta = pt.dvector()
    moves = [each @ theta for each in maps]
    logits = log_weights + moves[0][:, 0]
    weights = pt.exp(logits) / pt.exp(logits).sum()
    mu = means + moves[1]
    stretch = (sizes * pt.exp(moves[2] / 2))[:, None, :]
    factors = base @ _rotation(moves[3]) * stretch @ _unit_lower(moves[4])
    covariances = factors @ factors.swapaxes(1, 2)
    shift = (X[:, None, :] - mu)[..., None]
    inverses = pt.linalg.inv(covariances)
    squares = (shift * (inverses @ shift)).sum((-1, -2))
    log_det = pt.log(pt.linalg.det(2 * np.pi * covariances))
    joint = pt.log(weights) - 0.5 * (squares + log_det)
    rows = pt.log(pt.exp(joint).sum(1))
    gradient = pt.grad((weight * rows).sum(), theta)
    told = [gradient, rows, weights, mu, covariances, pt.exp(joint - rows[:, None])]
    jacobians = [pt.jacobian(each.flatten(), theta, vectorize=True) for each in told]
    inputs = [X, weight, log_weights, means, base, sizes, *maps, theta]
    return pytensor.function(inputs, jacobians, mode=Mode("py", "merge"))


def _rotation(turns):
    """Return a product of rotations, one a plane, for every component."""
    total = pt.eye(D)
    for plane, (i, j) in enumerate(PLANES):
        cosine, sine = pt.cos(turns[:, plane]), pt.sin(turns[:, plane])
        entries = {(i, i): cosine, (j, j): cosine, (i, j): -sine, (j, i): sine}
        total = total @ _matrices(entries, turns[:, plane])
    return total


def _unit_lower(values):
    entries = {(j, i): values[:, p] for p, (i, j) in enumerate(PLANES)}
    return _matrices(entries, values[:, 0])


def _matrices(entries, like):
    """Return matrices with some entries of their own, elsewhere the identity."""

    def entry(i, j):
        return entries.get((i, j), float(i == j) + 0 * like)

    rows = [pt.stack([entry(i, j) for j in range(D)], axis=1) for i in range(D)]
    return pt.stack(rows, axis=1)


def errors(mixture, base, sizes, X, weight=None, score_weight=None):
    """Return standard errors by kind and parameter, from automatic derivatives.

    ``base @ diag(sizes)`` are square roots of the covariances; in families that turn,
    the columns of `base` are the axes.
    """
    weight = np.ones(len(X)) if weight is None else weight
    score_weight = weight if score_weight is None else score_weight
    maps = sharing(mixture.family.mclust_name, mixture.n_components)
    n = maps[0].shape[-1]
    log_weights = np.log(mixture.weights)
    hessian, scores, *jacobians = derivatives()(
        X, weight, log_weights, mixture.means, base, sizes, *maps, np.zeros(n)
    )
    bread, outer = np.linalg.inv(-hessian), (scores.T * score_weight) @ scores
    variances = {
        "information": bread,
        "sandwich": bread @ outer @ bread,
        "score": np.linalg.inv(outer),
    }
    names = ("weights", "means", "covariances", "probability")
    return {
        kind: {
            name: np.sqrt(np.einsum("qi,ij,qj->q", jacobian, variance, jacobian))
            for name, jacobian in zip(names, jacobians, strict=True)
        }
        for kind, variance in variances.items()
    }
