"""What our Ops are in JAX: a table, which PyTensor asks when it makes a JAX function.

Loaded by a rewrite of `ops` when the first graph of them becomes one.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from pytensor.link.jax.dispatch import jax_funcify

from bayesgmm.marginal import definite_ops, family_ops, jax_maps, observed, ops
from bayesgmm.marginal.jax_likelihood import complete_rows, observed_rows
from bayesgmm.marginal.lazy import LazyLogLikelihood


def _likelihood(rows_of) -> Callable:
    """Return rows, and the gradient of their sum; XLA leaves out what is not used."""

    def rows_and_gradient(*inputs):
        rows, pull = _differentiated(rows_of, inputs)
        return rows, *pull(jnp.ones_like(rows))

    return rows_and_gradient


def _likelihood_gradient(rows_of) -> Callable:
    def gradient(cotangent, *inputs):
        return _differentiated(rows_of, inputs[:-3])[1](cotangent)

    return gradient


def _differentiated(rows_of, inputs):
    """Return rows, and what pulls back to weights, means and Cholesky factors."""
    data, mixture = inputs[:-3], inputs[-3:]
    return jax.vjp(lambda *mixture: rows_of(*data, *mixture), *mixture)


def _pullback(function, n_inputs, n_outputs=1) -> Callable:
    """Return the gradient of a map, given its inputs, outputs and cotangents."""

    def gradient(*arguments):
        inputs, cotangents = arguments[:n_inputs], arguments[n_inputs + n_outputs :]
        gradients = jax.vjp(function, *inputs)[1](
            cotangents if n_outputs > 1 else cotangents[0]
        )
        return gradients if n_inputs > 1 else gradients[0]

    return gradient


def _cayley_pullback(skews, bases, rotations, *cotangents):  # noqa: ARG001
    return jax.vjp(lambda x: jax_maps.cayley(x, bases), skews)[1](cotangents)[0]


IN_JAX: dict[type, Callable] = {
    ops.MixtureLogLikelihood: _likelihood(complete_rows),
    ops.MixtureGradient: _likelihood_gradient(complete_rows),
    observed.ObservedLogLikelihood: _likelihood(observed_rows),
    observed.ObservedGradient: _likelihood_gradient(observed_rows),
    ops.CovarianceCholesky: jax_maps.covariance_cholesky,
    ops.CovarianceCholeskyPullback: _pullback(jax_maps.covariance_cholesky, 2),
    ops.LogRatioWeights: jax_maps.weights_from_log_ratios,
    ops.LogRatioWeightsPullback: jax_maps.weights_from_log_ratios_pullback,
    family_ops.FactorsOfVolumes: jax_maps.factors_of_volumes,
    family_ops.FactorsOfVolumesPullback: _pullback(jax_maps.factors_of_volumes, 3),
    family_ops.FactorsAlongAxes: jax_maps.factors_along_axes,
    family_ops.FactorsAlongAxesPullback: _pullback(jax_maps.factors_along_axes, 3),
    family_ops.ShapesFromContrasts: jax_maps.shapes_from_contrasts,
    family_ops.ShapesFromContrastsPullback: jax_maps.shapes_from_contrasts_pullback,
    family_ops.Cayley: jax_maps.cayley,
    family_ops.CayleyPullback: _cayley_pullback,
    family_ops.SkewsOf: jax_maps.skews_of,
    definite_ops.Whiten: jax_maps.whiten,
    definite_ops.WhitenPullback: _pullback(jax_maps.whiten, 2),
    definite_ops.LowerFactors: jax_maps.cholesky,
    definite_ops.LowerFactorsPullback: _pullback(jax_maps.cholesky, 1),
    definite_ops.PartialsOf: jax_maps.partial_correlations,
}


@jax_funcify.register(ops.KernelOp)
def _in_jax(op, **kwargs):  # noqa: ARG001
    return IN_JAX[type(op)]


@jax_funcify.register(LazyLogLikelihood)
def _refuse(op, **kwargs):
    """Refuse rows that a scheduler reads.

    Raises
    ------
    NotImplementedError
    """
    raise NotImplementedError(
        "a model of lazy rows has no form in JAX, which needs all rows in memory. "
        "Load the rows first, or sample with bg.sample(model, method='nuts')."
    )
