"""Give a random variable another support point: where samplers begin.

PyMC's own way, ``initval=``, makes a model that PyMC cannot transform afterwards, so
that `pm.compute_log_likelihood` and `pm.do` refuse it. The support point of the
distribution says the same and has no such cost.
"""

import pytensor.tensor as pt
from pymc.distributions.distribution import _support_point


class _Supported:
    """Mixed into the class of an Op that carries its own support point."""

    point = None


@_support_point.register(_Supported)
def _own_point(op, rv, *inputs):  # noqa: ARG001
    return pt.as_tensor_variable(op.point)


def with_support_point(variable, point):
    """Return the same random variable with its support point at `point`.

    Everything else (density, draws, transforms) is found through the class that the
    Op had before.
    """
    old = variable.owner.op
    supported = type(type(old).__name__, (_Supported, type(old)), {})
    op = supported.__new__(supported)
    op.__dict__.update(vars(old), point=point)
    outputs = op.make_node(*variable.owner.inputs).outputs
    return outputs[variable.owner.outputs.index(variable)]
