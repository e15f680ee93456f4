"""Constants of a graph, turned into arguments of its compiled form.

A model holds its priors and EM's start as constants, which PyMC can transform, freeze
and predict from. But PyTensor's disk cache would compile such a model anew for every
data set. What we compile ourselves takes these numbers as arguments instead.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.variable import TensorConstant


def as_constant(numbers):
    """Return numbers as a constant that `as_arguments` finds: one alone in an array."""
    numbers = np.asarray(numbers, dtype=np.float64)
    return pt.constant(numbers) if numbers.ndim else pt.constant(numbers[None])[0]


def as_arguments(graph):
    """Replace the arrays of numbers in a graph by shared variables."""
    arrays = {v for v in ancestors([graph]) if _is_array_of_numbers(v)}
    shared = {v: pytensor.shared(v.data, shape=v.data.shape) for v in arrays}
    return graph_replace([graph], shared)[0] if shared else graph


def _is_array_of_numbers(variable):
    return (
        isinstance(variable, TensorConstant)
        and variable.ndim > 0
        and variable.dtype == "float64"
    )
