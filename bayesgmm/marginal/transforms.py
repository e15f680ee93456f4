"""Transforms that make one unit of a free variable one standard error of EM."""

import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

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
        self.location = pt.constant(location)
        self.scale = pt.constant(scale)

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


fisher_z, log_ratio = FisherZ(), LogRatio()
