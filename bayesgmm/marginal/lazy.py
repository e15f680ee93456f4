"""The likelihood of lazy rows in a model: a pass over all chunks, no kernel.

Compiled functions cannot call a scheduler. What we compile ourselves leaves this Op
out, see `Apart`; what PyMC compiles calls it as Python.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.link.numba.dispatch.basic import generate_fallback_impl, numba_funcify

from bayesgmm._typing import Floats
from bayesgmm.chunks import Chunks
from bayesgmm.lazy_passes import score, score_many
from bayesgmm.marginal.ops import as_floats


class LazyLogLikelihood(Op):
    """Log-likelihood of all lazy rows, and its gradient.

    Inputs: weights (k,), means (k, d) and cholesky (k, d, d). Outputs: a number, and
    gradients like the inputs. Two such Ops are never the same one.
    """

    def __init__(self, chunks: Chunks):
        self.chunks = chunks

    def make_node(self, *inputs):
        inputs = as_floats(*inputs)
        return Apply(self, inputs, [pt.dscalar(), *(v.type() for v in inputs)])

    def perform(self, node, inputs, output_storage):  # noqa: ARG002
        value, *gradient = score(self.chunks, *inputs)
        results = np.asarray(value), *gradient
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(), *shapes]

    def pullback(self, inputs, outputs, cotangents):  # noqa: ARG002
        return [cotangents[0] * gradient for gradient in outputs[1:]]


@numba_funcify.register(LazyLogLikelihood)
def _call_python(op, node, **kwargs):
    """Do without a warning what Numba does with any Op that is Python's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Numba will use object mode")
        return generate_fallback_impl(op, node, **kwargs)


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """A log-posterior whose likelihood is not in the graph.

    Attributes
    ----------
    chunks : Chunks
    parameters : list of tensors
        What the likelihood is a function of.
    slopes : list of tensors
        Inputs: the gradient of the likelihood there.
    value : tensor
        The log-posterior with, for the likelihood, ``sum(slopes * parameters)``: its
        gradient is that of the log-posterior, and without slopes it is the prior.
    """

    chunks: Chunks
    parameters: list[Any]
    slopes: list[Any]
    value: Any


def take_apart(value) -> Apart | None:
    """Take the likelihood of lazy rows out of a graph; None if there is none."""
    nodes = {v.owner for v in ancestors([value]) if v.owner is not None}
    own = [node for node in nodes if isinstance(node.op, LazyLogLikelihood)]
    if not own:
        return None
    (node,) = own
    slopes = [parameter.type() for parameter in node.inputs]
    pairs = zip(slopes, node.inputs, strict=True)
    linear: Any = sum(pt.sum(slope * parameter) for slope, parameter in pairs)
    (value,) = graph_replace([value], {node.outputs[0]: linear})
    return Apart(node.op.chunks, node.inputs, slopes, value)


@dataclass(frozen=True, slots=True, eq=False)
class ApartPosterior:
    """The log-posterior of lazy rows: prior, a pass over the rows, gradient.

    Attributes
    ----------
    kernel : callable
        Compiled: free variables, slopes and `shared` to `Apart.value`, its gradients,
        and the parameters.
    shared : list of arrays
    split : callable
        From a flat vector to free variables.
    apart : Apart
    """

    kernel: Callable
    shared: list[Any]
    split: Callable
    apart: Apart

    def prior(self, flat: Floats) -> tuple[float, list[Floats]]:
        """Return the log-prior, and the parameters of the likelihood."""
        none = [np.zeros(slope.type.shape) for slope in self.apart.slopes]
        value, *rest = self.kernel(*self.split(flat), *none, *self.shared)
        return float(value), rest[-len(none) :]

    def log_posterior(self, flat: Floats) -> tuple[float, Floats]:
        """Return the value and the gradient, by one pass."""
        prior, parameters = self.prior(flat)
        if not np.isfinite(prior):
            return prior, np.zeros(len(flat))
        likelihood, *slopes = score(self.apart.chunks, *parameters)
        _, *rest = self.kernel(*self.split(flat), *slopes, *self.shared)
        gradients = rest[: -len(slopes)]
        return prior + likelihood, np.concatenate([each.ravel() for each in gradients])

    def log_posteriors(self, values: Floats) -> Floats:
        """Return the values of many vectors (n, n_free), by one pass."""
        priors, parameters = zip(*map(self.prior, values), strict=True)
        together = map(np.stack, zip(*parameters, strict=True))
        return np.array(priors) + score_many(self.apart.chunks, *together)
