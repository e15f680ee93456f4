"""Tasks of relabelling, and what draws are named after."""

import numpy as np
import pytest
import synthetic

from bayesgmm.parameters import MixtureParameters
from bayesgmm.relabel import METHODS
from bayesgmm.relabel.task import Task

# An order needs no pivot, and has no other.
PIVOTED = [name for name in METHODS if name != "order"]
THREE = synthetic.THREE_GROUPS


def task_of(p, pivot, size=1000):
    """Return a task of memberships (t, i, k) in blocks of `size` rows."""
    p = np.asarray(p)
    cuts = range(0, p.shape[1], size)
    return Task(
        n_components=p.shape[2],
        X=np.zeros((p.shape[1], 1)),
        pivot=np.asarray(pivot),
        blocks=lambda: ((slice(a, a + size), p[:, a : a + size]) for a in cuts),
        parameters=lambda: pytest.fail("no parameters are looked at"),
    )


def of_parameters(values, target=None):
    """Return a task that has parameters only."""
    values = np.asarray(values)
    return Task(
        n_components=values.shape[1],
        X=np.empty((0, 1)),
        pivot=np.empty(0, int),
        blocks=lambda: pytest.fail("no rows are looked at"),
        parameters=lambda: (values, target),
    )


def relabelled(z, orders):
    """Return labels after components were permuted: component k was orders[t, k]."""
    return np.array([np.argsort(p)[row] for row, p in zip(z, orders, strict=True)])


def parameters(truth=THREE, names=("x0",), order=None):
    order = np.arange(len(truth["weights"])) if order is None else order
    arrays = {name: np.array(value)[order] for name, value in truth.items()}
    return MixtureParameters(
        **arrays, covariance_type="full", feature_names=tuple(names)
    )
