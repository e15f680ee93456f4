"""The likelihood of the rows in JAX, from its definition, for accelerators.

Rows are taken in blocks, one after the other, and what is computed of a block is
computed again where its gradient is: nothing of size rows x components is kept.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp

_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)
# Numbers in the largest array of a block: 32 MB, many enough to keep a device busy.
BLOCK_NUMBERS = 2**22


def complete_rows(X, sample_weight, weights, means, cholesky):
    """Return the weighted log-likelihood of each row.

    Parameters
    ----------
    X : array of shape (n, d)
    sample_weight : array of shape (n,) or (1,)
    weights, means, cholesky : arrays of shape (k,), (k, d), (k, d, d)
        Lower Cholesky factors of the covariances.
    """
    upper, log_roots = _precisions(cholesky)
    offsets = jnp.log(weights) + log_roots - means.shape[1] * _HALF_LOG_2PI

    def score(x):
        z = jnp.einsum("nki,kij->nkj", x[:, None] - means, upper)
        return logsumexp(offsets - 0.5 * (z**2).sum(-1), axis=-1)

    return sample_weight * _in_blocks(score, means.size, X)


def observed_rows(
    X, sample_weight, order, starts, limits, log_noise, shares, means, cholesky
):
    """Return the weighted log-likelihood of what was observed of each row.

    Parameters
    ----------
    X, sample_weight, order, starts, limits, log_noise, shares, means, cholesky : arrays
        As of `kernels.observed.log_likelihood_and_gradient`.

    Notes
    -----
    What was not observed is left out of a covariance by putting the identity in its
    place, and differences of zero in its rows. Rows without gaps stand first, and
    blocks of these need no factors of their own.
    """
    order, starts = order.astype(int), starts.astype(int)
    group = jnp.searchsorted(starts[1:], jnp.arange(len(X)), side="right")
    X, log_shares = X[order], limits + jnp.log(shares)
    upper, log_roots = _precisions(cholesky)
    seen = ~jnp.isnan(X[starts[:-1]])
    uppers, all_log_roots = _precisions(_factors_of_observed(cholesky, seen))

    def whole(x, group):  # noqa: ARG001
        z = jnp.einsum("nki,kij->nkj", jnp.nan_to_num(x)[:, None] - means, upper)
        return log_roots - 0.5 * (z**2).sum(-1)

    def with_gaps(x, group):
        gaps = x[:, None] - means
        gaps = jnp.where(seen[group][:, None], gaps, 0.0)
        z = jnp.einsum("nki,nkij->nkj", gaps, uppers[group])
        return all_log_roots[group] - 0.5 * (z**2).sum(-1)

    def score(x, group):
        joint = jax.lax.cond(jnp.isnan(x).any(), with_gaps, whole, x, group)
        joint -= seen[group].sum(-1, keepdims=True) * _HALF_LOG_2PI
        if limits.shape[1] > joint.shape[1]:
            noise = jnp.broadcast_to(log_noise, (len(x), 1))
            joint = jnp.concatenate([joint, noise], axis=1)
        return logsumexp(log_shares[group] + joint, axis=-1)

    rows = _in_blocks(score, cholesky.size, X, group)
    return sample_weight * jnp.zeros_like(rows).at[order].set(rows)


def _precisions(cholesky):
    """Turn factors of covariances into those of precisions, with log roots."""
    identity = jnp.broadcast_to(jnp.eye(cholesky.shape[-1]), cholesky.shape)
    inverse = solve_triangular(cholesky, identity, lower=True)
    diagonal: Any = jnp.diagonal(cholesky, axis1=-2, axis2=-1)
    return jnp.swapaxes(inverse, -1, -2), -jnp.log(diagonal).sum(-1)


def _factors_of_observed(cholesky, seen):
    """Factor the covariances as each group (g, d) of rows has observed them."""
    lower: Any = jnp.tril(cholesky)  # gradients too are of lower triangles
    covariances = lower @ jnp.swapaxes(lower, -1, -2)
    both = seen[:, None, :, None] & seen[:, None, None, :]
    identity = jnp.eye(cholesky.shape[-1])
    return jnp.linalg.cholesky(jnp.where(both, covariances, identity))


def _in_blocks(score, numbers_a_row, *arrays):
    """Score rows block by block; the last block may be shorter."""
    n, size = len(arrays[0]), max(1, BLOCK_NUMBERS // numbers_a_row)
    score = jax.checkpoint(score)  # type: ignore[reportPrivateImportUsage]
    if n <= size:
        return score(*arrays)
    cut = n // size * size
    blocks = [a[:cut].reshape(-1, size, *a.shape[1:]) for a in arrays]
    rows = jax.lax.map(lambda block: score(*block), blocks).ravel()
    return jnp.concatenate([rows, score(*(a[cut:] for a in arrays))])
