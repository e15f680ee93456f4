"""`MvNormalMixture`: a Gaussian mixture as a PyMC distribution, for anybody's model."""

import pytensor.tensor as pt
from pymc.distributions.distribution import Continuous, SymbolicRandomVariable
from pymc.distributions.shape_utils import rv_size_is_none
from pymc.pytensorf import normalize_rng_param
from pytensor.tensor.random.utils import normalize_size_param

from bayesgmm.marginal.ops import mixture_log_likelihood


class MvNormalMixtureRV(SymbolicRandomVariable):
    """Draw a component, then a row from it."""

    name = "mv_normal_mixture"
    extended_signature = "[rng],[size],(k),(k,d),(k,d,d),(n)->[rng],(d)"
    _print_name = ("MvNormalMixture", "\\operatorname{MvNormalMixture}")

    def update(self, node):
        return {node.inputs[0]: node.outputs[0]}

    @classmethod
    def rv_op(cls, weights, means, cholesky, sample_weight, *, size=None, rng=None):
        parameters = [
            pt.as_tensor_variable(v) for v in (weights, means, cholesky, sample_weight)
        ]
        weights, means, cholesky, _ = parameters
        rng, size = normalize_rng_param(rng), normalize_size_param(size)
        batch = () if rv_size_is_none(size) else tuple(size)
        next_rng, component = pt.random.categorical(
            weights, size=batch, rng=rng, return_next_rng=True
        )
        next_rng, noise = pt.random.normal(
            size=(*batch, means.shape[-1]), rng=next_rng, return_next_rng=True
        )
        draw = means[component] + (cholesky[component] @ noise[..., None])[..., 0]
        inputs = [rng, size, *parameters]
        return cls(inputs=inputs, outputs=[next_rng, draw])(*inputs)


class MvNormalMixture(Continuous):
    """A mixture of multivariate normal distributions, labels summed out.

    ``log p(x) = log sum_k weights[k] Normal(x | means[k], L_k L_k^T)``. Value and
    gradient come from one pass of a compiled kernel over the rows.

    Parameters
    ----------
    weights : tensor_like of shape (n_components,)
        On the simplex.
    means : tensor_like of shape (n_components, n_features)
    cholesky : tensor_like of shape (n_components, n_features, n_features)
        Lower Cholesky factors L_k of the covariances, positive diagonals.
    sample_weight : tensor_like of shape (n_observations,), optional
        Each row's log-likelihood is multiplied by its weight. Random draws ignore it.

    Notes
    -----
    One and two-dimensional values only: a row, or rows of observations. The gradient
    of the log-likelihood is given by the responsibility-weighted moments (Fisher's
    identity), so second derivatives are not available.

    Examples
    --------
    >>> with pm.Model():
    ...     w = pm.Dirichlet("w", np.ones(2))
    ...     mu = pm.Normal("mu", 0, 5, shape=(2, 3))
    ...     L = np.stack([np.eye(3)] * 2)
    ...     bg.MvNormalMixture("x", weights=w, means=mu, cholesky=L, observed=X)
    """

    rv_type = MvNormalMixtureRV
    rv_op = MvNormalMixtureRV.rv_op

    @classmethod
    def dist(cls, weights, means, cholesky, sample_weight=None, **kwargs):
        """Return the distribution outside a model, as `pm.Normal.dist` does."""
        if sample_weight is None:
            sample_weight = pt.ones((1,))
        return super().dist([weights, means, cholesky, sample_weight], **kwargs)

    def support_point(rv, size, weights, means, cholesky, sample_weight):  # noqa: ARG002
        """Return the mean of the mixture: where PyMC starts if nothing says better."""
        centre = (weights[:, None] * means).sum(0)
        if rv_size_is_none(size):
            return centre
        return pt.full(pt.concatenate([size, [means.shape[-1]]]), centre)

    def logp(value, weights, means, cholesky, sample_weight):
        """Return the weighted log-density of a row, or of each row."""
        rows = value[None] if value.ndim == 1 else value
        log_p = mixture_log_likelihood(rows, sample_weight, weights, means, cholesky)[0]
        return log_p[0] if value.ndim == 1 else log_p
