"""Transforms that make one unit of a free variable one standard error of EM."""

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform
from scipy.special import gammaln

from bayesgmm.charts import contrasts
from bayesgmm.marginal.constants import as_constant
from bayesgmm.marginal.family_ops import cayley, shapes_from_contrasts, skews_of
from bayesgmm.marginal.ops import log_ratio_weights


class Affine(Transform):
    """``value = (x - location) / scale``, elementwise.

    Put after the transform that makes a variable unconstrained. Samplers jitter their
    starts by one unit and begin with a unit mass matrix: with `location` the EM
    estimate and `scale` its standard error, both are then right.
    """

    name = "affine"
    ndim_supp = 0

    def __init__(self, location, scale):
        self.location = as_constant(location)
        self.scale = as_constant(scale)

    def forward(self, value, *inputs):  # noqa: ARG002
        return (value - self.location) / self.scale

    def backward(self, value, *inputs):  # noqa: ARG002
        return self.location + self.scale * value

    def log_jac_det(self, value, *inputs):  # noqa: ARG002
        return pt.zeros_like(value) + pt.log(self.scale)


class FisherZ(Transform):
    """``value = atanh(x)`` for correlations in (-1, 1)."""

    name = "fisher_z"
    ndim_supp = 0

    def forward(self, value, *inputs):  # noqa: ARG002
        return pt.arctanh(value)

    def backward(self, value, *inputs):  # noqa: ARG002
        return pt.tanh(value)

    def log_jac_det(self, value, *inputs):  # noqa: ARG002
        # log(1 - tanh^2) without cancellation far out.
        return 2.0 * (pt.log(2.0) - value - pt.softplus(-2.0 * value))


class LogRatio(Transform):
    """``value = log(x[:-1] / x[-1])`` for weights, in one node; 1-D only."""

    name = "log_ratio"
    ndim_supp = 1

    def forward(self, value, *inputs):  # noqa: ARG002
        return pt.log(value[..., :-1]) - pt.log(value[..., -1:])

    def backward(self, value, *inputs):  # noqa: ARG002
        return log_ratio_weights(value)

    def log_jac_det(self, value, *inputs):
        return pt.log(self.backward(value, *inputs)).sum(-1)


class LogContrasts(Transform):
    """``value`` is the contrasts of ``log(x)``, for positive numbers of product one.

    Densities of such numbers are with respect to these contrasts, which are lengths.
    """

    name = "log_contrasts"
    ndim_supp = 1

    def forward(self, value, *inputs):  # noqa: ARG002
        return pt.log(value) @ contrasts(value.type.shape[-1]).T

    def backward(self, value, *inputs):  # noqa: ARG002
        if value.ndim == 1:
            return shapes_from_contrasts(value[None])[0]
        return shapes_from_contrasts(value)

    def log_jac_det(self, value, *inputs):  # noqa: ARG002
        return pt.zeros_like(value[..., 0])


class Turn(Transform):
    """``value`` is how a rotation is turned from a base, by Cayley's map.

    Densities of rotations are with respect to the uniform distribution, so that no
    base is better than another; the volume of all rotations is that of the spheres
    that their columns run over.
    """

    name = "turn"
    ndim_supp = 2

    def __init__(self, base):
        self.base = pt.constant(base.reshape(-1, *base.shape[-2:]))
        d = base.shape[-1]
        dimension = np.arange(2, d + 1)
        spheres = np.log(2.0) + dimension / 2 * np.log(np.pi) - gammaln(dimension / 2)
        self.log_constant = d * (d - 1) / 2 * np.log(2.0) - spheres.sum()

    def forward(self, value, *inputs):  # noqa: ARG002
        if value.ndim == 2:
            return skews_of(value[None], self.base)[0]
        return skews_of(value, self.base)

    def backward(self, value, *inputs):  # noqa: ARG002
        return self._cayley(value)[0]

    def log_jac_det(self, value, *inputs):  # noqa: ARG002
        power = 1.0 - self.base.type.shape[-1]
        return power * self._cayley(value)[1] + self.log_constant

    def _cayley(self, value):
        if value.ndim == 1:
            return [output[0] for output in cayley(value[None], self.base)]
        return cayley(value, self.base)


fisher_z, log_ratio, log_contrasts = FisherZ(), LogRatio(), LogContrasts()
