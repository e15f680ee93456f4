"""Positive definite matrices, in stacks of small ones, as PyTensor Ops."""

import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from bayesgmm.kernels import cholesky as correlations
from bayesgmm.kernels import definite
from bayesgmm.marginal.family_ops import PullbackOp
from bayesgmm.marginal.ops import KernelOp, as_floats, register


@register
class Whiten(KernelOp):
    """Lower factors (k, d, d) and columns (k or 1, d, m) to solutions (k, d, m)."""

    kernel = staticmethod(definite.whiten)

    def make_node(self, lower, columns):
        inputs = as_floats(lower, columns)
        shape = (*inputs[0].type.shape[:2], inputs[1].type.shape[2])
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(*shapes[0][:2], shapes[1][2])]

    def pullback(self, inputs, outputs, cotangents):
        return whiten_pullback(*inputs, *outputs, *cotangents)


@register
class WhitenPullback(PullbackOp):
    kernel = staticmethod(definite.whiten_pullback)
    n_outputs = 2


@register
class LowerFactors(KernelOp):
    """Positive definite matrices (k, d, d) to their lower Cholesky factors."""

    kernel = staticmethod(definite.cholesky)

    def make_node(self, matrices):
        inputs = as_floats(matrices)
        return Apply(self, inputs, [inputs[0].type()])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return shapes

    def pullback(self, inputs, outputs, cotangents):
        return [lower_factors_pullback(*inputs, *outputs, *cotangents)]


@register
class LowerFactorsPullback(PullbackOp):
    kernel = staticmethod(definite.cholesky_pullback)


@register
class PartialsOf(KernelOp):
    """Lower factors to partial correlations; where chains begin, so no gradient."""

    kernel = staticmethod(correlations.partial_correlations)

    def make_node(self, lower):
        inputs = as_floats(lower)
        k, d = inputs[0].type.shape[:2]
        shape = (k, None if d is None else d * (d - 1) // 2)
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        k, d = shapes[0][:2]
        return [(k, d * (d - 1) // 2)]


whiten, whiten_pullback = Whiten(), WhitenPullback()
lower_factors, lower_factors_pullback = LowerFactors(), LowerFactorsPullback()
partials_of = PartialsOf()
