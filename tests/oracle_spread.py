"""Covariances of the families and the beliefs about them, from their definitions.

Nothing here uses the package. A point is a dict of constrained values by name.
"""

import numpy as np
from scipy import stats

# What varies over components, by the letters of the family: V is each its own.
ALONG_AXES = ("EVE", "VVE", "EEV", "VEV")
ALONG_FEATURES = ("VEI", "EVI")
OF_MATRICES = ("VEE", "EVV")
OF_DEVIATIONS = ("EII", "VII", "EEI", "VVI", "EEE", "VVV")


def random_point(letters, k, d, rng):
    """Draw parts of covariances, far from any prior."""
    if d == 1:  # one feature: a standard deviation, shared or not
        return {
            "standard_deviations": rng.uniform(
                0.3, 2, (1,) if letters[0] == "E" else (k, 1)
            )
        }
    volume, shape, axes = letters
    lead = {"E": (), "V": (k,), "I": ()}
    partials = rng.uniform(-0.9, 0.9, (*lead[axes], d * (d - 1) // 2))
    if letters in OF_DEVIATIONS:
        own = (k,) if "V" in letters[:2] else ()
        features = () if shape == "I" else (d,)
        point = {"standard_deviations": rng.uniform(0.3, 2, (*own, *features))}
        return point if axes == "I" else point | {"partial_correlations": partials}
    relative = product_one(rng.uniform(0.3, 2, (*lead[shape], d)))
    point = {"volumes": rng.uniform(0.3, 2, lead[volume])}
    if letters in OF_MATRICES:
        return point | {
            "relative_standard_deviations": relative,
            "partial_correlations": partials,
        }
    point["shapes"] = relative**2
    if letters in ALONG_AXES:
        turns = stats.special_ortho_group(d, seed=rng).rvs(k).reshape(k, d, d)
        point["orientations"] = turns if axes == "V" else turns[0]
    return point


def product_one(values):
    return values / np.prod(values, axis=-1, keepdims=True) ** (1 / values.shape[-1])


def covariances(point, letters, k, d):
    """Return covariances (k, d, d), component by component."""
    return np.stack([_covariance(point, letters, c, d) for c in range(k)])


def _covariance(point, letters, c, d):
    def own(name, letter):
        return point[name][c] if letter == "V" else point[name]

    volume, shape, axes = letters
    if d == 1:
        return own("standard_deviations", volume).reshape(1, 1) ** 2
    if letters in OF_DEVIATIONS:
        varies = "V" if "V" in letters[:2] else "E"
        sds = np.diag(np.broadcast_to(own("standard_deviations", varies), d))
        R = np.eye(d)
        if axes != "I":
            R = correlation_matrix(own("partial_correlations", axes), d)
        return sds @ R @ sds
    size = own("volumes", volume)
    if letters in OF_MATRICES:
        sds = np.diag(own("relative_standard_deviations", shape))
        C = sds @ correlation_matrix(own("partial_correlations", axes), d) @ sds
        return size * C / np.linalg.det(C) ** (1 / d)
    A = np.diag(own("shapes", shape))
    D = own("orientations", axes) if letters in ALONG_AXES else np.eye(d)
    return size * D @ A @ D.T


def correlation_matrix(partials, d):
    """Build a correlation matrix from partial correlations by their definition.

    The partial correlation of i and j given 0..j-1 is undone by the recursion
    r_ij.m = p (1 - r_im^2)^(1/2) (1 - r_jm^2)^(1/2) + r_im r_jm, m = j-1, ..., 0.
    """
    p = np.zeros((d, d))
    p[np.tril_indices(d, -1)] = partials
    R = np.eye(d)
    for i in range(d):
        for j in range(i):
            r = p[i, j]
            for m in range(j - 1, -1, -1):
                r = r * np.sqrt((1 - p[i, m] ** 2) * (1 - p[j, m] ** 2))
                r += p[i, m] * p[j, m]
            R[i, j] = R[j, i] = r
    return R


def log_priors(point, letters, log_location, log_scale, eta):
    """Return the log-density of each part of a point, by name.

    Numbers of product one have a density with respect to orthonormal coordinates of
    their logs, rotations with respect to the uniform distribution.
    """
    d = len(log_location)
    mean = log_location.mean()
    ratios = log_location - mean
    free = letters in ALONG_AXES and d > 1
    wide = np.sqrt(log_scale**2 + (ratios**2).sum() / (d - 1)) if free else log_scale

    def log_normal(x, location, scale):
        return stats.lognorm(scale, scale=np.exp(location)).logpdf(x).sum()

    def of_product_one(x, location, scale):
        # Any orthonormal basis of what sums to zero.
        basis = np.linalg.svd(np.ones((1, d)))[2][1:]
        z = (np.log(x) - location) @ basis.T
        return stats.norm(0, scale).logpdf(z).sum()

    def lkj(p):
        shape = [eta + 0.5 * (d - 2 - j) for i in range(d) for j in range(i)]
        return stats.beta(shape, shape, loc=-1, scale=2).logpdf(p).sum()

    balls = letters in ("EII", "VII") and d > 1
    densities = {
        "standard_deviations": lambda x: log_normal(
            x, mean if balls else log_location, log_scale
        ),
        "volumes": lambda x: log_normal(x, 2 * mean, 2 * log_scale / np.sqrt(d)),
        "shapes": lambda x: of_product_one(x, 0 if free else 2 * ratios, 2 * wide),
        "relative_standard_deviations": lambda x: of_product_one(x, ratios, log_scale),
        "partial_correlations": lkj,
        "orientations": lambda _: 0.0,
    }
    return {name: densities[name](value) for name, value in point.items()}
