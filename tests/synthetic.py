"""Posteriors to judge: a small Gibbs sampler in plain NumPy, and draws put together.

Nothing here uses the package.
"""

import numpy as np
import xarray as xr

TWO_GROUPS = {
    "weights": [0.35, 0.65],
    "means": [[-2.0, 0.0], [2.0, 1.0]],
    "covariances": [[[0.6, 0.2], [0.2, 0.5]], [[0.8, -0.3], [-0.3, 0.7]]],
}
THREE_GROUPS = {
    "weights": [0.2, 0.3, 0.5],
    "means": [[-6.0], [0.0], [5.0]],
    "covariances": [[[0.5]], [[1.0]], [[1.5]]],
}


def observations(truth, n, rng):
    """Draw n observations of a mixture."""
    z = rng.choice(len(truth["weights"]), size=n, p=truth["weights"])
    return np.array(
        [rng.multivariate_normal(truth["means"][k], truth["covariances"][k]) for k in z]
    )


def joint(X, weights, means, covariances):
    """Return log p(x, k), shape (n_observations, n_components)."""
    columns = []
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        shift = X - mean
        squares = (shift @ np.linalg.inv(covariance) * shift).sum(1)
        log_volume = 0.5 * np.log(np.linalg.det(2 * np.pi * np.array(covariance)))
        columns.append(np.log(weight) - log_volume - 0.5 * squares)
    return np.column_stack(columns)


def log_likelihood(X, weights, means, covariances):
    return np.logaddexp.reduce(joint(X, weights, means, covariances), axis=1).sum()


def inverse_wishart(degrees, scale, rng):
    """Draw a covariance by the Bartlett decomposition of its inverse."""
    d = len(scale)
    bartlett = np.tril(rng.normal(size=(d, d)), k=-1)
    bartlett += np.diag(np.sqrt(rng.chisquare(degrees - np.arange(d))))
    factor = np.linalg.cholesky(np.linalg.inv(scale)) @ bartlett
    return np.linalg.inv(factor @ factor.T)


def gibbs(X, labels, n_components, n_draws, rng, warmup=50):
    """Sample weights, means and covariances from a start at `labels`.

    Priors: Dirichlet(1), means given covariances normal with 0.05 observations,
    covariances inverse-Wishart with d + 2 degrees and the data's scaled covariance.
    """
    _n, d = X.shape
    location, shrinkage, degrees = X.mean(0), 0.05, d + 2
    scale = np.atleast_2d(np.cov(X.T)) / n_components ** (2 / d)
    draws = []
    for sweep in range(warmup + n_draws):
        counts = np.bincount(labels, minlength=n_components)
        weights = rng.dirichlet(1.0 + counts)
        means, covariances = [], []
        for k in range(n_components):
            rows, m = X[labels == k], counts[k]
            mean = rows.sum(0) / m if m else location
            centred, shift = rows - mean, mean - location
            scatter = scale + centred.T @ centred
            scatter += shrinkage * m / (shrinkage + m) * np.outer(shift, shift)
            cov = inverse_wishart(degrees + m, scatter, rng)
            centre = (shrinkage * location + m * mean) / (shrinkage + m)
            step = np.linalg.cholesky(cov / (shrinkage + m)) @ rng.normal(size=d)
            means.append(centre + step)
            covariances.append(cov)
        log_joint = joint(X, weights, means, covariances)
        labels = (log_joint + rng.gumbel(size=log_joint.shape)).argmax(1)
        if sweep >= warmup:
            draws.append((weights, np.array(means), np.array(covariances)))
    return [np.array(part) for part in zip(*draws, strict=True)]


def perturbed(truth, n_draws, rng, relative=0.03):
    """Return draws around one solution, each number with a small error."""
    weights, means, covariances = (np.array(truth[k]) for k in truth)
    k, d = means.shape
    w = weights * np.exp(relative * rng.normal(size=(n_draws, k)))
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    m = means + relative * sds * rng.normal(size=(n_draws, k, d))
    c = covariances * np.exp(relative * rng.normal(size=(n_draws, k, 1, 1)))
    return [w / w.sum(1, keepdims=True), m, c]


def tree(X, chains, lp=True, names=None):
    """Put chains of (weights, means, covariances) together as a posterior."""
    weights, means, covariances = (np.stack(part) for part in zip(*chains, strict=True))
    names = names or [f"x{j}" for j in range(X.shape[1])]
    sds = np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1))
    inner = ("component", "feature", "feature_bis")
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", *inner[: array.ndim - 2]), array)
            for name, array in {
                "weights": weights,
                "means": means,
                "covariances": covariances,
                "standard_deviations": sds,
                "total": weights.sum(-1).round(9),
            }.items()
        },
        coords={
            "chain": np.arange(weights.shape[0]),
            "draw": np.arange(weights.shape[1]),
            "component": np.arange(weights.shape[2]),
            "feature": names,
            "feature_bis": names,
        },
    )
    rows = (("obs_id", "feature"), X)
    data = xr.Dataset({"X": rows}, {"obs_id": np.arange(len(X)), "feature": names})
    groups = {"posterior": posterior, "constant_data": data}
    if lp:
        density = [
            [log_likelihood(X, *draw) for draw in zip(*chain, strict=True)]
            for chain in chains
        ]
        shape = weights.shape[:2]
        groups["sample_stats"] = xr.Dataset(
            {
                "lp": (("chain", "draw"), np.array(density)),
                "diverging": (("chain", "draw"), np.zeros(shape, dtype=bool)),
            }
        )
    return xr.DataTree.from_dict(groups)


def resolved(posterior):
    """Return the draws, said to have labels that mean the same in all of them."""
    sizes = posterior["posterior"].sizes
    dims = ("chain", "draw", "component")
    order = np.broadcast_to(np.arange(sizes["component"]), [sizes[x] for x in dims])
    result = posterior.copy()
    result["relabelling"] = xr.DataTree(xr.Dataset({"permutation": (dims, order)}))
    return result


def switched(chain, permutations):
    """Return draws whose component k is the given draw's ``permutations[t, k]``."""
    at = np.arange(len(permutations))[:, None]
    return [part[at, permutations] for part in chain]


def random_permutations(n_draws, n_components, rng):
    return rng.permuted(np.tile(np.arange(n_components), (n_draws, 1)), axis=1)


def changed(posterior, group, **variables):
    """Return a tree with other variables in one of its groups."""
    groups = {name: child.to_dataset() for name, child in posterior.children.items()}
    groups[group] = groups[group].assign(variables)
    return xr.DataTree.from_dict(groups)


def with_labels(posterior, labels):
    """Say which components rows may come from: one by its number, or all (-1)."""
    k = posterior["posterior"].sizes["component"]
    allowed = (np.array(labels)[:, None] == np.arange(k)) | (labels == -1)[:, None]
    kept = (("obs_id", "component"), allowed.astype(np.int8))
    return changed(posterior, "constant_data", allowed=kept)


def with_noise(posterior, weight=0.5, edge=10.0):
    """Give noise a weight, uniform on a square around 0 with this edge."""
    weights = posterior["posterior"]["weights"]
    noise = xr.full_like(weights.isel(component=0, drop=True), weight)
    tree = changed(
        posterior, "posterior", noise_weight=noise, weights=(1 - weight) * weights
    )
    return changed(
        tree,
        "constant_data",
        noise_corner=("feature", [-edge / 2] * 2),
        noise_edges=(("feature_bis", "feature"), np.eye(2) * edge),
    )
