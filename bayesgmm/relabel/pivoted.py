"""Methods that compare draws with a pivot, given their tasks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Ints
from bayesgmm.blocks import responsibilities_of
from bayesgmm.kept import observations_of
from bayesgmm.posterior import Draws
from bayesgmm.relabel.assignment import solve
from bayesgmm.relabel.ecr import pivot_costs
from bayesgmm.relabel.parameters import read_parameters
from bayesgmm.relabel.reference import Reference, find_reference
from bayesgmm.relabel.task import Relabelling, Target, Task

# Components are told apart by far fewer rows than a raster has: more than this many
# are thinned, evenly, so that relabelling never takes minutes.
MAX_ROWS = 20_000


def by_pivot(
    method: Callable[[Task], Relabelling],
    posterior: xr.DataTree,
    draws: Draws,
    reference: Any,
    X: Any,
) -> Target:
    """Return the target of a method: the pivot that a reference stands for.

    Parameters
    ----------
    method : callable
    posterior : xarray.DataTree
    draws : Draws
        Those of the posterior.
    reference, X
        As `relabel` takes them.
    """
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    pivot = find_reference(reference, posterior, draws, table, MAX_ROWS)

    def find(members: Ints) -> Relabelling | None:
        """Compare components on the rows that the pivot gives them."""
        kept = np.isin(pivot.labels, members)
        return method(_task(draws, pivot, members, kept)) if kept.any() else None

    return Target(pivot.kind, pivot.names, find)


def _task(draws: Draws, pivot: Reference, members: Ints, kept) -> Task:
    rows, k = pivot.rows[kept], len(members)
    labels = np.searchsorted(members, pivot.labels[kept])
    blocks = partial(_blocks, rows, draws, members)
    return Task(
        n_components=k,
        X=rows,
        pivot=labels,
        blocks=blocks,
        parameters=lambda: read_parameters(
            draws, pivot.mixture, members, solve(pivot_costs(blocks, labels, k))
        ),
    )


def _blocks(rows, draws, members):
    """Yield rows, and what they have of some of the components."""
    for places, shares in responsibilities_of(rows, draws):
        yield (
            places,
            shares[..., members] if len(members) < shares.shape[-1] else shares,
        )
