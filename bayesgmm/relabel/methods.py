"""`relabel`: choose a method, give it its task, apply what it finds."""

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Ints
from bayesgmm.arguments import check_choice
from bayesgmm.blocks import responsibilities_of
from bayesgmm.errors import InputError
from bayesgmm.kept import observations_of, read_allowed
from bayesgmm.known_labels import interchangeable
from bayesgmm.posterior import Draws, read_draws
from bayesgmm.relabel.alternating import ecr_iterative_1, ecr_iterative_2, stephens
from bayesgmm.relabel.assignment import solve
from bayesgmm.relabel.data_based import data_based
from bayesgmm.relabel.ecr import disagreements, ecr
from bayesgmm.relabel.parameters import read_parameters
from bayesgmm.relabel.permute import name_components, permute
from bayesgmm.relabel.pivotal import order, point_process, pra
from bayesgmm.relabel.quantity import read_quantity
from bayesgmm.relabel.reference import Reference, find_reference
from bayesgmm.relabel.task import Method, Relabelling, Task

# Components are told apart by far fewer rows than a raster has: more than this many
# are thinned, evenly, so that relabelling never takes minutes.
MAX_ROWS = 20_000

METHODS: dict[str, Method] = {
    "ecr": ecr,
    "ecr_iterative_1": ecr_iterative_1,
    "ecr_iterative_2": ecr_iterative_2,
    "stephens": stephens,
    "pra": pra,
    "data_based": data_based,
    "order": order,
    "point_process": point_process,
}


def relabel(
    posterior: xr.DataTree,
    method: str = "ecr",
    reference: Any = None,
    X: Any = None,
    *,
    by: Any = None,
) -> xr.DataTree:
    """Give the components of every draw the same names.

    Components that known labels tell apart keep their places, and so does noise.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture; left as it is. Where the number of components was drawn,
        labels have no meaning across numbers: take the draws of one number with
        `condition_on_filled` first.
    method : str
        Methods that compare rows:

        - ``"ecr"``: the draws' partitions with a pivot. Fast and clear.
        - ``"ecr_iterative_1"``: with the partition that is commonest under the labels
          found, instead of a pivot.
        - ``"ecr_iterative_2"``: with the partition that is likeliest on average.
        - ``"stephens"``: memberships with their own average. Better where components
          overlap.
        - ``"data_based"``: centres and spreads of the rows of each label.

        Methods that compare parameters, in units of their spread:

        - ``"pra"``: with a pivot (pivotal reordering).
        - ``"order"``: one quantity, see `by`. Where components overlap in it, this
          cuts modes in half.
        - ``"point_process"``: all components of all draws by k-means. How often two
          components of a draw fall into one cluster is ``non_permutation_rate``: if
          that is not rare, there are fewer groups than components.
    reference : GaussianMixture, MixtureParameters, DataTree or array of int, optional
        Its partition is the pivot, so that the components carry its labels, and its
        names of components if it has any. Another posterior stands for the means of its
        parameters. An array has a label for every row of `X`, -1 where it is not known.
        By default the pivot is the draw with the highest log-posterior (``lp``), or
        log-likelihood where there is no ``lp``.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds. Of more than 20,000 rows only
        every second, third, ... is used.
    by : str or tuple, optional
        For ``"order"``: a variable such as ``"weights"``, with names or places in its
        other dimensions, as ``("means", "eruptions")``. By default the mean of the
        first feature.

    Returns
    -------
    xarray.DataTree
        Every variable of every group of draws is permuted alike. The group
        ``relabelling`` holds ``permutation`` (chain, draw, component), which
        `unrelabel` undoes, and ``confidence`` (chain, draw): near 0 where another
        permutation would do as well. Its attributes say by what method and reference,
        how low the ``objective`` is, and ``switch_rate``, the share of draws whose
        labels are not in the commonest order.

    Raises
    ------
    InputError
        If the reference has other components or features, there are no data, draws are
        not finite, or the number of components varies.
    """
    find = METHODS[check_choice("method", method, METHODS)]
    _check_order(find, reference, by)
    draws = read_draws(posterior, noisy=True)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    target = find_reference(reference, posterior, draws, table, MAX_ROWS)
    if find is order:
        target = target._replace(kind="order", names=range(draws.n_components))
    classes = interchangeable(read_allowed(posterior), draws.n_components)
    quantity = partial(read_quantity, posterior, by)
    found = _find(find, draws, target, classes, quantity)
    attrs = {"method": method, "pivot": target.kind, "objective": found.objective}
    if found.is_permutation is not None:
        attrs["non_permutation_rate"] = float((~found.is_permutation).mean())
    shape = (draws.n_chains, draws.n_draws)
    relabelled = permute(
        posterior,
        found.permutations.reshape(*shape, -1),
        found.confidence.reshape(shape),
        n_iterations=found.n_iterations,
        **attrs,
    )
    return name_components(relabelled, target.names)


def _check_order(find, reference, by):
    given = {"reference": reference} if find is order else {"by": by}
    for argument, value in given.items():
        if value is not None:
            raise InputError(
                argument,
                "be left out with this method",
                f"{value!r:.40}",
                'Components are ordered by a quantity with `method="order"`, `by=...`; '
                "all other methods take a `reference`.",
            )


def _find(find: Method, draws: Draws, target: Reference, classes, quantity):
    """Find the permutations among components that labels do not tell apart.

    Each class is compared on the rows that the pivot gives it; noise stays where it is.
    """
    n_samples, k = draws.n_samples, draws.n_components
    permutations, confidence = np.tile(np.arange(k), (n_samples, 1)), np.ones(n_samples)
    every = Relabelling(permutations, confidence, 0.0, 0)
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        kept = np.isin(target.labels, members)
        if len(members) == 1:
            continue
        if kept.any():
            found = find(_task(draws, target, members, kept, quantity))
            every = _join(every, members, found)
        else:  # nothing tells these apart
            every.confidence[:] = 0.0
    return every


def _task(draws: Draws, target: Reference, members: Ints, kept, quantity) -> Task:
    rows, k = target.rows[kept], len(members)
    pivot = np.searchsorted(members, target.labels[kept])
    blocks = partial(_blocks, rows, draws, members)
    return Task(
        n_components=k,
        X=rows,
        pivot=pivot,
        blocks=blocks,
        parameters=lambda: read_parameters(
            draws, target.mixture, members, solve(disagreements(blocks, pivot, k))
        ),
        quantity=lambda: quantity()[:, members],
    )


def _join(every: Relabelling, members: Ints, found: Relabelling) -> Relabelling:
    """Add what was found for some of the components."""
    permutations = every.permutations.copy()
    permutations[:, members] = members[found.permutations]
    both = (every.is_permutation, found.is_permutation)
    known = [each for each in both if each is not None]
    return Relabelling(
        permutations,
        np.minimum(every.confidence, found.confidence),
        every.objective + found.objective,
        max(every.n_iterations, found.n_iterations),
        np.all(known, axis=0) if known else None,
    )


def _blocks(rows, draws, members):
    """Yield rows, and what they have of some of the components."""
    for places, shares in responsibilities_of(rows, draws):
        yield (
            places,
            shares[..., members] if len(members) < shares.shape[-1] else shares,
        )
