"""Rows with gaps, known labels or noise: their likelihood as a PyMC distribution."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.distribution import Continuous, SymbolicRandomVariable
from pymc.distributions.shape_utils import rv_size_is_none
from pymc.pytensorf import normalize_rng_param
from pytensor.tensor.random.utils import normalize_size_param

from bayesgmm.kernels import observed
from bayesgmm.marginal.constants import as_constant
from bayesgmm.marginal.ops import MixtureGradient, MixtureLogLikelihood, register
from bayesgmm.target import Target


@register
class ObservedGradient(MixtureGradient):
    """Gradient of rows weighted by a cotangent."""

    kernel = staticmethod(observed.weighted_gradient)


@register
class ObservedLogLikelihood(MixtureLogLikelihood):
    """Log-likelihood of what was observed of each row, and the gradient of their sum.

    Inputs are those of the kernel; outputs, rows and gradients like the last three.
    """

    kernel = staticmethod(observed.log_likelihood_and_gradient)
    gradient = ObservedGradient()


observed_log_likelihood = ObservedLogLikelihood()


class PartlyObservedRV(SymbolicRandomVariable):
    """Draw a component, or noise, then a row from it."""

    name = "partly_observed"
    extended_signature = (
        "[rng],[size],(c),(k,d),(k,d,d),(n),(m),(s),(g,c),(o),(d),(d,d)->[rng],(d)"
    )
    _print_name = ("PartlyObserved", "\\operatorname{PartlyObserved}")

    def update(self, node):
        return {node.inputs[0]: node.outputs[0]}

    @classmethod
    def rv_op(cls, *parameters, size=None, rng=None):
        parameters = [pt.as_tensor_variable(v) for v in parameters]
        shares, means, cholesky, *_, corner, edges = parameters
        rng, size = normalize_rng_param(rng), normalize_size_param(size)
        batch: Any = () if rv_size_is_none(size) else tuple(size)
        k, d = means.shape[-2], means.shape[-1]
        rng_, component = pt.random.categorical(
            shares, size=batch, rng=rng, return_next_rng=True
        )
        rng_, z = pt.random.normal(size=(*batch, d), rng=rng_, return_next_rng=True)
        rng_, u = pt.random.uniform(size=(*batch, d), rng=rng_, return_next_rng=True)
        own = pt.minimum(component, k - 1)
        row = means[own] + (cholesky[own] @ z[..., None])[..., 0]
        is_noise: Any = pt.eq(component, k)
        draw = pt.where(is_noise[..., None], corner + u @ edges, row)
        inputs = [rng, size, *parameters]
        return cls(inputs=inputs, outputs=[rng_, draw])(*inputs)


class PartlyObserved(Continuous):
    """A mixture, perhaps with noise, of which rows were observed in part.

    The parameters are those of the kernel, and the box of noise. Random draws are of
    new rows, of which everything is observed and no label is known.
    """

    rv_type = PartlyObservedRV
    rv_op = PartlyObservedRV.rv_op

    @classmethod
    def dist(cls, shares, means, cholesky, target: Target, sample_weight=None, **more):
        """Return the distribution of the rows of a target."""
        groups, d = target.groups, target.table.n_features
        box = target.noise
        numbers = [
            groups.order,
            groups.starts,
            groups.limits,
            [0.0 if box is None else box.log_density],
            np.zeros(d) if box is None else box.corner,
            np.zeros((d, d)) if box is None else box.edges,
        ]
        if sample_weight is None:
            sample_weight = pt.ones((1,))
        constants = [as_constant(each) for each in numbers]
        parameters = [shares, means, cholesky, sample_weight, *constants]
        return super().dist(parameters, **more)

    def support_point(rv, size, shares, means, *others):  # noqa: ARG002
        """Return the mean of the components."""
        weights: Any = shares[: means.shape[0]]
        centre = (weights[:, None] * means).sum(0) / weights.sum()
        if rv_size_is_none(size):
            return centre
        return pt.full(pt.concatenate([size, [means.shape[-1]]]), centre)

    def logp(
        value,
        shares,
        means,
        cholesky,
        sample_weight,
        order,
        starts,
        limits,
        log_noise,
        *box,  # noqa: ARG002
    ):
        """Return the weighted log-density of what was observed of each row."""
        data = (value, sample_weight, order, starts, limits, log_noise)
        return observed_log_likelihood(*data, shares, means, cholesky)[0]
