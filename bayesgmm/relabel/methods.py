"""`relabel`: choose a method, find what makes draws alike, apply it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Ints
from bayesgmm.arguments import check_choice
from bayesgmm.kept import read_allowed
from bayesgmm.known_labels import interchangeable
from bayesgmm.posterior import read_draws
from bayesgmm.relabel.alternating import ecr_iterative_1, ecr_iterative_2, stephens
from bayesgmm.relabel.data_based import data_based
from bayesgmm.relabel.ecr import ecr
from bayesgmm.relabel.parametric import point_process, pra
from bayesgmm.relabel.permute import name_components, permute
from bayesgmm.relabel.pivoted import by_pivot
from bayesgmm.relabel.quantity import by_quantity
from bayesgmm.relabel.task import Relabelling, Target

METHODS: dict[str, Callable[..., Target]] = {
    "ecr": partial(by_pivot, ecr),
    "ecr_iterative_1": partial(by_pivot, ecr_iterative_1),
    "ecr_iterative_2": partial(by_pivot, ecr_iterative_2),
    "stephens": partial(by_pivot, stephens),
    "pra": partial(by_pivot, pra),
    "data_based": partial(by_pivot, data_based),
    "order": by_quantity,
    "point_process": partial(by_pivot, point_process),
}
"""Each takes the posterior, its draws, the reference and X, and returns a target."""


def relabel(
    posterior: xr.DataTree,
    method: str = "ecr",
    reference: Any = None,
    X: Any = None,
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

        - ``"ecr"``: the draws' partitions with a pivot [1]_. Fast and clear.
        - ``"ecr_iterative_1"``: with the partition that is commonest under the labels
          found, instead of a pivot [2]_.
        - ``"ecr_iterative_2"``: with the partition that is likeliest on average [2]_.
        - ``"stephens"``: memberships with their own average [3]_. Better where
          components overlap.
        - ``"data_based"``: centres and spreads of the rows of each label [4]_.

        Methods that compare parameters, in units of their spread:

        - ``"pra"``: with a pivot, pivotal reordering [5]_.
        - ``"order"``: one quantity, see `reference` [6]_. Where components overlap in
          it, this cuts modes in half [7]_.
        - ``"point_process"``: all components of all draws by k-means [8]_. How often
          two components of a draw fall into one cluster is ``non_permutation_rate``: if
          that is not rare, there are fewer groups than components.
    reference : GaussianMixture, MixtureParameters, DataTree or labels, optional
        Its partition is the pivot, so that the components carry its labels, and its
        names of components if it has any. Another posterior stands for the means of its
        parameters. Labels are an array, Series or DataArray with one for every row of
        `X`, below 0 where it is not known. By default the pivot is the draw with the
        highest log-posterior (``lp``), or log-likelihood where there is no ``lp``. It
        also stands in for unknown labels where known ones leave out two components.

        With ``"order"`` it is the quantity: a variable such as ``"weights"``, with
        names or places in its other dimensions, as ``("means", "eruptions")``. By
        default the mean of the first feature.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds. Of more than 20,000 rows only
        every second, third, ... is used. ``"order"`` looks at none.

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

    References
    ----------
    .. [1] P. Papastamoulis and G. Iliopoulos (2010), *An artificial allocations based
       solution to the label switching problem in Bayesian analysis of mixtures of
       distributions*, J. Comput. Graph. Stat. 19:313-331.
    .. [2] P. Papastamoulis (2016), *label.switching: An R package for dealing with the
       label switching problem in MCMC outputs*, J. Stat. Softw. 69(1).
    .. [3] M. Stephens (2000), *Dealing with label switching in mixture models*,
       J. R. Stat. Soc. B 62:795-809.
    .. [4] C. E. Rodriguez and S. G. Walker (2014), *Label switching in Bayesian mixture
       models: deterministic relabeling strategies*, J. Comput. Graph. Stat. 23:25-45.
    .. [5] J.-M. Marin, K. Mengersen and C. P. Robert (2005), *Bayesian modelling and
       inference on mixtures of distributions*, Handbook of Statistics 25:459-507.
    .. [6] S. Richardson and P. J. Green (1997), *On Bayesian analysis of mixtures with
       an unknown number of components*, J. R. Stat. Soc. B 59:731-792.
    .. [7] G. Celeux, M. Hurn and C. P. Robert (2000), *Computational and inferential
       difficulties with mixture posterior distributions*, JASA 95:957-970.
    .. [8] S. Fruehwirth-Schnatter (2011), *Dealing with label switching under model
       uncertainty*, in Mixtures: Estimation and Applications, chapter 10.
    """
    make_target = METHODS[check_choice("method", method, METHODS)]
    draws = read_draws(posterior, noisy=True)
    target = make_target(posterior, draws, reference, X)
    classes = interchangeable(read_allowed(posterior), draws.n_components)
    found = _find(target, classes, draws.n_samples)
    attrs = {"method": method, "pivot": target.kind, "objective": found.objective}
    if found.is_permutation is not None:
        attrs["non_permutation_rate"] = float((~found.is_permutation).mean())
    shape = (draws.n_chains, draws.n_draws)
    relabelled = permute(
        posterior,
        found.permutations.reshape(*shape, -1),
        found.confidence.reshape(shape),
        **attrs,
    )
    return name_components(relabelled, target.names)


def _find(target: Target, classes: Ints, n_samples: int) -> Relabelling:
    """Find the permutations among components that labels do not tell apart.

    Noise, and what labels tell apart, stay where they are.
    """
    unmoved = np.tile(np.arange(len(classes)), (n_samples, 1))
    every = Relabelling(unmoved, np.ones(n_samples), 0.0)
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        found = target.find(members)
        if found is not None:
            every = _join(every, members, found)
        elif len(members) > 1:
            every.confidence[:] = 0.0
    return every


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
        np.all(known, axis=0) if known else None,
    )
