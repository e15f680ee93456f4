"""PyTensor Ops around the kernels, each with its gradient as a second Op.

Few and large, because PyTensor's compile time follows the number of nodes. Kernels
are serial here: chains are the parallel axis, and a parallel Numba function that is
called from a cached graph crashes.
"""

import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import graph_rewriter
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)
from pytensor.tensor.basic import get_underlying_scalar_constant_value
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.math import Sum

from bayesgmm.kernels import SOURCES, cholesky, likelihood, simplex

# PyTensor keys its disk cache on this number, not on the code of the kernels.
KERNEL_VERSION = int(SOURCES[:12], 16)


def as_floats(*variables):
    """Return inputs of a kernel: tensors of doubles."""
    return [pt.as_tensor_variable(v).astype("float64") for v in variables]


class KernelOp(Op):
    """An Op that is one kernel: arrays in, an array or a tuple of arrays out."""

    __props__: tuple[str, ...] = ()
    kernel = None

    def perform(self, node, inputs, output_storage):  # noqa: ARG002
        results = type(self).kernel(*inputs)
        results = results if isinstance(results, tuple) else (results,)
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result


def register(op_class):
    """Let the Numba linker call the kernel itself, cached on disk."""

    @register_funcify_default_op_cache_key(op_class)
    def funcify(op, node, **kwargs):  # noqa: ARG001
        kernel = op_class.kernel

        @numba_njit
        def call_kernel(*inputs):
            return kernel(*inputs)

        return call_kernel, KERNEL_VERSION

    return op_class


@graph_rewriter
def _meet_jax(fgraph):
    """Load our Ops' forms in JAX when a graph of them is about to become JAX's."""
    if any(isinstance(node.op, KernelOp) for node in fgraph.apply_nodes):
        import bayesgmm.marginal.jax_ops  # noqa: F401


# Rewrites of this tag run for JAX alone, so nobody else needs to have it installed.
optdb.register("bayesgmm_meet_jax", _meet_jax, "jax", position=0)


@register
class MixtureGradient(KernelOp):
    """Gradient of rows weighted by a cotangent; only scaled if that is constant."""

    kernel = staticmethod(likelihood.weighted_gradient)

    def make_node(self, *inputs):
        inputs = as_floats(*inputs)
        return Apply(self, inputs, [v.type() for v in inputs[-3:]])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return list(shapes[-3:])


@register
class MixtureLogLikelihood(KernelOp):
    """Log-likelihood of each row, and the gradient of their sum.

    Inputs: X (n, d), sample_weight (n,) or (1,), weights (k,), means (k, d) and
    cholesky (k, d, d). Outputs: rows (n,), and gradients like the last three inputs.
    """

    kernel = staticmethod(likelihood.log_likelihood_and_gradient)
    gradient = MixtureGradient()

    def make_node(self, *inputs):
        inputs = as_floats(*inputs)
        rows = pt.tensor(dtype="float64", shape=(inputs[0].type.shape[0],))
        return Apply(self, inputs, [rows, *(v.type() for v in inputs[-3:])])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(shapes[0][0],), *shapes[-3:]]

    def pullback(self, inputs, outputs, cotangents):
        cotangent, *others = cotangents
        if not all(isinstance(g.type, DisconnectedType) for g in others):
            raise NotImplementedError("second derivatives of the mixture likelihood")
        data = [grad_not_implemented(self, i, v) for i, v in enumerate(inputs[:-3])]
        return [*data, *self._scaled_gradient(inputs, outputs, cotangent)]

    def _scaled_gradient(self, inputs, outputs, cotangent):
        try:  # the plain sum of rows: the gradient is there already
            scale = get_underlying_scalar_constant_value(_without_empty_sums(cotangent))
            return [scale * gradient for gradient in outputs[1:]]
        except NotScalarConstantError:  # ADVI, tempering
            return self.gradient(cotangent, *inputs, *outputs[1:])


def _without_empty_sums(variable):
    """Look through sums over no axis, which broadcasting leaves in gradients."""
    while variable.owner and isinstance(variable.owner.op, Sum):
        if variable.owner.op.axis != ():
            break
        variable = variable.owner.inputs[0]
    return variable


@register
class CovarianceCholesky(KernelOp):
    """Standard deviations (k, d) and partial correlations to factors (k, d, d)."""

    kernel = staticmethod(cholesky.covariance_cholesky)

    def make_node(self, sds, partials):
        inputs = as_floats(sds, partials)
        k, d = inputs[0].type.shape
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(k, d, d))])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        k, d = shapes[0]
        return [(k, d, d)]

    def pullback(self, inputs, outputs, cotangents):
        return covariance_cholesky_pullback(*inputs, *outputs, *cotangents)


@register
class CovarianceCholeskyPullback(KernelOp):
    kernel = staticmethod(cholesky.covariance_cholesky_pullback)

    def make_node(self, *inputs):
        inputs = as_floats(*inputs)
        return Apply(self, inputs, [v.type() for v in inputs[:2]])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return shapes[:2]


@register
class LogRatioWeights(KernelOp):
    """Log ratios (k - 1,) to weights (k,)."""

    kernel = staticmethod(simplex.weights_from_log_ratios)

    def make_node(self, log_ratios):
        inputs = as_floats(log_ratios)
        n = inputs[0].type.shape[0]
        k = None if n is None else n + 1
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(k,))])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(shapes[0][0] + 1,)]

    def pullback(self, inputs, outputs, cotangents):  # noqa: ARG002
        return [log_ratio_weights_pullback(outputs[0], cotangents[0])]


@register
class LogRatioWeightsPullback(KernelOp):
    kernel = staticmethod(simplex.weights_from_log_ratios_pullback)

    def make_node(self, weights, cotangent):
        inputs = as_floats(weights, cotangent)
        k = inputs[0].type.shape[0]
        n = None if k is None else k - 1
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(n,))])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(shapes[0][0] - 1,)]


log_ratio_weights = LogRatioWeights()
log_ratio_weights_pullback = LogRatioWeightsPullback()
mixture_log_likelihood = MixtureLogLikelihood()
covariance_cholesky = CovarianceCholesky()
covariance_cholesky_pullback = CovarianceCholeskyPullback()
