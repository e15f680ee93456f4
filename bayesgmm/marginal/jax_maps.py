"""Parts of mixtures to weights and Cholesky factors in JAX, as the kernels have them.

Each is its kernel's definition in arrays; JAX differentiates them. What the arguments
are is told where the kernels are.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from bayesgmm.charts import contrasts


def weights_from_log_ratios(log_ratios):
    """See `kernels.simplex`."""
    return jax.nn.softmax(jnp.append(log_ratios, 0.0))


def weights_from_log_ratios_pullback(weights, cotangent):
    """See `kernels.simplex`."""
    mean = (weights * cotangent).sum()
    return weights[:-1] * (cotangent[:-1] - mean)


def shapes_from_contrasts(numbers):
    """See `kernels.simplex`."""
    return jnp.exp(numbers @ contrasts(numbers.shape[1] + 1))


def shapes_from_contrasts_pullback(shapes, cotangent):
    """See `kernels.simplex`."""
    return (shapes * cotangent) @ contrasts(shapes.shape[1]).T


def covariance_cholesky(sds, partials):
    """See `kernels.cholesky`."""
    d = sds.shape[1]
    if partials.shape[1] == 0:
        return sds[:, :, None] * jnp.eye(d)
    entries = jnp.zeros((len(partials), d, d))
    entries = entries.at[:, *np.tril_indices(d, -1)].set(partials)
    # Squared lengths of rows that are still to be given out, before each step.
    left = jnp.cumprod((1.0 - entries) * (1.0 + entries), axis=-1)[..., :-1]
    left = jnp.concatenate([jnp.ones((len(partials), d, 1)), left], axis=-1)
    return sds[:, :, None] * ((entries + jnp.eye(d)) * jnp.sqrt(left))


def factors_of_volumes(volumes, sds, partials):
    """See `kernels.cholesky`."""
    shapes = covariance_cholesky(sds, partials)
    mean_log = jnp.log(_diagonals(shapes)).mean(-1)
    return (jnp.sqrt(volumes) * jnp.exp(-mean_log))[:, None, None] * shapes


def partial_correlations(lower):
    """See `kernels.cholesky`."""
    squares = jnp.cumsum(lower[..., ::-1] ** 2, axis=-1)[..., ::-1]
    below = np.tril_indices(lower.shape[-1], -1)
    return (lower / jnp.sqrt(squares))[:, *below]


def cayley(skews, bases):
    """See `kernels.orientations`."""
    d = bases.shape[-1]
    half = jnp.zeros(bases.shape).at[:, *np.tril_indices(d, -1)].set(skews)
    skew, identity = half - jnp.swapaxes(half, 1, 2), jnp.eye(d)
    rotations = bases @ jnp.linalg.solve(identity - skew, identity + skew)
    return rotations, jnp.linalg.slogdet(identity - skew)[1]


def skews_of(rotations, bases):
    """See `kernels.orientations`."""
    turned, identity = jnp.swapaxes(bases, 1, 2) @ rotations, jnp.eye(bases.shape[-1])
    skew = jnp.linalg.solve(turned + identity, turned - identity)
    return skew[:, *np.tril_indices(bases.shape[-1], -1)]


def factors_along_axes(volumes, shapes, orientations):
    """See `kernels.orientations`."""
    sds = jnp.sqrt(volumes[:, None] * shapes)
    rows = orientations * sds[:, None, :]
    upper = jnp.linalg.qr(jnp.swapaxes(rows, 1, 2), mode="reduced")[1]
    return jnp.swapaxes(upper * jnp.sign(_diagonals(upper))[:, :, None], 1, 2)


def whiten(lower, columns):
    """See `kernels.definite`."""
    shape = (*lower.shape[:2], columns.shape[-1])
    return solve_triangular(lower, jnp.broadcast_to(columns, shape), lower=True)


def cholesky(matrices):
    """See `kernels.definite`: only lower triangles are read."""
    lower = jnp.tril(matrices)
    whole = lower + jnp.swapaxes(jnp.tril(matrices, -1), 1, 2)
    return jnp.linalg.cholesky(whole, symmetrize_input=False)


def _diagonals(matrices):
    return jnp.diagonal(matrices, axis1=-2, axis2=-1)
