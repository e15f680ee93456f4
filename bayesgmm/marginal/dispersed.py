"""Starts of chains at different optima of EM, in a model's free variables."""

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm._typing import Floats
from bayesgmm.errors import InputError
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.density import ModelDensity
from bayesgmm.marginal.model import model_of
from bayesgmm.parameters import MixtureParameters

# Which components hold the same rows can be told from so many.
MAX_ROWS = 20_000


def dispersed_starts(flat: FlatModel) -> list[Floats]:
    """Return the good optima of EM as flat vectors of the model, the best first.

    Raises
    ------
    InputError
        If the model was not built with the EM fit whose restarts found them.
    """
    target = getattr(flat.model, "target", None)
    if target is None or target.em is None:
        raise InputError(
            "init",
            "be 'dispersed' only where EM has found optima",
            "a model that was built without",
            "Build it with `build_model(X, n_components, init=em)`.",
        )
    rows = target.table.values[:: -(-target.table.n_observations // MAX_ROWS)]
    rows = rows[~np.isnan(rows).any(axis=1)]
    others = target.optima[1:]
    if target.allowed is None:  # where labels are known, components are numbered
        others = [_aligned(other, target.em, rows) for other in others]
    return [flat.start, *filter(_is_finite, (_flat_values(flat, o) for o in others))]


def _aligned(other: MixtureParameters, em: MixtureParameters, rows):
    """Order components so that each has most rows in common with that of `em`."""
    rows = np.ascontiguousarray(rows)
    shared = responsibilities(rows, em.quadratics).T @ responsibilities(
        rows, other.quadratics
    )
    k = em.n_components  # noise has no order
    return other.permute(linear_sum_assignment(-shared[:k, :k])[1])


def _flat_values(flat: FlatModel, optimum: MixtureParameters) -> Floats:
    """Read the free variables where a model of this optimum starts, and transform."""
    model = flat.model
    there = FlatModel(model_of(replace(model.target, em=optimum)))
    values = there.quantities(there.model.free_RVs)(there.start)
    names = [variable.name for variable in there.model.free_RVs]
    with np.errstate(divide="ignore", invalid="ignore"):  # the edge of a space
        here = {name: x[None] for name, x in zip(names, values, strict=True)}
        return ModelDensity(model).flatten(here)[0]


def _is_finite(start: Floats) -> bool:
    return bool(np.isfinite(start).all())
