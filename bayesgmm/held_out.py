"""The log-likelihood of rows that a fit has not seen."""

from itertools import product

import numpy as np

from bayesgmm import criteria
from bayesgmm.em import Status
from bayesgmm.grid import Grid
from bayesgmm.progress import track


def held_out_deviance(
    grid: Grid, seed: int, progress: bool
) -> dict[tuple[int, str], float]:
    """Return minus twice the held-out log-likelihood of every cell of a grid.

    Rows are dealt to folds at random; the rows outside a fold are searched as all rows
    are, and the fits score the fold. NaN where a fit collapsed in any fold. With fewer
    rows than folds every row is one.
    """
    n_folds = min(grid.n_folds, grid.table.n_observations)
    order = np.random.default_rng(seed).permutation(grid.table.n_observations)
    fold = order % n_folds
    scores = (pair for k in range(n_folds) for pair in _score(grid, fold == k, seed))
    total = dict.fromkeys(product(grid.sizes, grid.families), 0.0)
    n_fits = n_folds * len(grid)
    for key, score in track(scores, n_fits, "Cross-validating", progress):
        total[key] -= 2 * score
    return total


def _score(grid, held, seed):
    """Yield every cell and its log-likelihood of the rows held out."""
    weight = grid.sample_weight
    seen = np.flatnonzero(~held)
    training = grid.take(seen, None if weight is None else weight[seen])
    rows = grid.table.values[held], None if weight is None else weight[held]
    for cell in training.search(seed):
        usable = cell.status is not Status.COLLAPSED
        score = criteria.log_likelihood(cell.parameters, *rows) if usable else np.nan
        yield (cell.n_components, cell.covariance_type), score
