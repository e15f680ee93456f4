"""The likelihood of a mixture for models written in JAX.

    import bayesgmm.jax

needs `pip install 'bayesgmm[jax]'`. Models of `build_model` need nothing of it: PyMC
finds by itself what they are in JAX.
"""

import jax
import jax.numpy as jnp

from bayesgmm.errors import InputError
from bayesgmm.marginal.jax_likelihood import complete_rows

__all__ = ["log_likelihood"]


def log_likelihood(X, weights, means, cholesky, sample_weight=None):
    """Return the log-likelihood of a Gaussian mixture, labels summed out.

    To be used in functions that JAX compiles, maps and differentiates, to any order.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        Without missing values.
    weights : array of shape (n_components,)
        On the simplex.
    means : array of shape (n_components, n_features)
    cholesky : array of shape (n_components, n_features, n_features)
        Lower Cholesky factors of the covariances, positive diagonals.
    sample_weight : array of shape (n_observations,), optional
        Multiplies each row's log-likelihood.

    Returns
    -------
    scalar array, float64
        ``sum_n sample_weight[n] log sum_k weights[k] Normal(X[n] | means[k],
        cholesky[k] @ cholesky[k].T)``.

    Raises
    ------
    InputError
        If JAX computes in single precision, in which sums over many rows have few
        digits.

    Notes
    -----
    Rows are taken in blocks, in reverse too: memory beside `X` is of the size of a
    block, not of observations x components.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import numpy as np
    >>> import bayesgmm.jax
    >>> X, weights = np.array([[0.0], [4.0]]), np.array([0.5, 0.5])
    >>> means, cholesky = np.array([[0.0], [4.0]]), np.ones((2, 1, 1))
    >>> value = bayesgmm.jax.log_likelihood(X, weights, means, cholesky)
    >>> round(float(value), 4)
    -3.2235
    >>> gradient = jax.grad(bayesgmm.jax.log_likelihood, argnums=2)
    >>> gradient(X, weights, means, cholesky).round(4)
    Array([[ 0.0013],
           [-0.0013]], dtype=float64)
    """
    if not jax.config.jax_enable_x64:
        raise InputError(
            "X",
            "be summed in double precision",
            "JAX in single precision",
            'Call `jax.config.update("jax_enable_x64", True)` first.',
        )
    if sample_weight is None:
        sample_weight = jnp.ones(1)
    arrays = (X, sample_weight, weights, means, cholesky)
    return complete_rows(*(jnp.asarray(a, dtype=float) for a in arrays)).sum()
