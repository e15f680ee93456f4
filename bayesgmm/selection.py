"""Which mixture: a search over sizes and families, judged by several criteria."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from bayesgmm.arguments import check_choice, check_count
from bayesgmm.chunks import is_chunked
from bayesgmm.em import Status
from bayesgmm.errors import InputError
from bayesgmm.estimator import GaussianMixture
from bayesgmm.grid import Searched, check_grid
from bayesgmm.grid_chunks import check_chunked_grid
from bayesgmm.scores import CRITERIA, KEY, LOWER, judge, pivot, rank
from bayesgmm.search import Cell
from bayesgmm.stability import count_choices

N_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A grid of fits and what criteria say about them; from `bayesgmm.select`.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a size and family: n_components, covariance_type, log_likelihood,
        n_parameters; bic, aic, icl, nec and, if asked for, cv, lower is better in all
        of them; status and spurious, as of a fit; start, what the best run began with.
        Where every run collapsed, status says so, criteria are NaN, and the
        log-likelihood is that of the best model that this one contains.
    criterion : str
        By which `best` was chosen.
    best : GaussianMixture or None
        Fitted. None if every fit of the grid collapsed.
    cells : dict of Cell
        The fits, by number of components and family.
    grid : Searched
        The data and what was searched.
    seed : int
        Of the search.
    """

    table: pd.DataFrame
    criterion: str
    best: GaussianMixture | None
    cells: dict[tuple[int, str], Cell]
    grid: Searched
    seed: int

    def choose(self, criterion: str) -> tuple[int, str] | None:
        """Return the size and family that a criterion prefers.

        Parameters
        ----------
        criterion : str
            A criterion of the table. Spurious fits come after all others, and of equal
            values that with fewer parameters is chosen.

        Returns
        -------
        pair of int and str, or None
            None if no cell has a value.
        """
        ranked = rank(self.table, self._check(criterion))
        if ranked.empty:
            return None
        size, family = ranked[KEY].to_numpy()[0]
        return int(size), str(family)

    def estimator(self, n_components: int, covariance_type: str) -> GaussianMixture:
        """Return the fit of one cell as an estimator.

        Parameters
        ----------
        n_components : int
        covariance_type : str
            As in `table`.

        Raises
        ------
        InputError
            If there is no such cell, or every run of it collapsed.
        """
        cell = self.cells.get((n_components, covariance_type))
        if cell is None or cell.status is Status.COLLAPSED:
            raise InputError(
                "n_components",
                "with `covariance_type` name a fit of the table",
                f"{n_components}, {covariance_type!r}, which "
                + ("is not there" if cell is None else "collapsed"),
                "See `.table`.",
            )
        return self.grid.fit(cell)

    def pivot(self, criterion: str | None = None) -> pd.DataFrame:
        """Return a criterion as a table of sizes by families; lower is better.

        Parameters
        ----------
        criterion : str, optional
            By default that of the selection.
        """
        return pivot(self.table, self._check(criterion or self.criterion))

    def to_mclust(self, criterion: str = "bic") -> pd.DataFrame:
        """Return `pivot` with mclust's sign; higher is better.

        Parameters
        ----------
        criterion : {"bic", "icl"}
        """
        check_choice("criterion", criterion, ("bic", "icl"))
        name = f"{CRITERIA[criterion]}, higher is better"
        return -self.pivot(criterion).rename_axis(columns=name)

    def stability(
        self, n_repeats: int = 20, *, resample: bool = True, progress: bool = True
    ) -> pd.DataFrame:
        """Repeat the selection, and count how often each size and family is chosen.

        Parameters
        ----------
        n_repeats : int
        resample : bool
            Whether each repeat draws as many rows with replacement (the bootstrap: how
            the choice depends on the sample), or only searches with another seed (how
            it depends on chance in the starts). Lazy rows are not drawn again.
        progress : bool
            Show a progress bar.

        Returns
        -------
        pandas.DataFrame
            n_components, covariance_type, chosen (times) and share, the most frequent
            choice first.
        """
        check_count("n_repeats", n_repeats)
        return count_choices(
            self.grid, self.criterion, n_repeats, self.seed, resample, progress
        )

    def plot(self, criterion: str | None = None, ax: Any = None):
        """Plot a criterion over the number of components, a line for each family.

        Parameters
        ----------
        criterion : str, optional
            By default that of the selection.
        ax : matplotlib Axes, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayesgmm.plots.selection import plot_selection

        return plot_selection(self, criterion, ax)

    def __str__(self) -> str:
        ranked = rank(self.table, self.criterion).head(N_SHOWN)
        columns = [*KEY, "log_likelihood", "n_parameters", self.criterion]
        shown = ranked[columns].assign(
            behind=ranked[self.criterion] - ranked[self.criterion].min(),
            note=np.where(ranked["spurious"], "rests on too few rows", ""),
        )
        collapsed = list(self.table["status"]).count("collapsed")
        n = self.grid.n_observations
        return (
            f"{len(self.table)} mixtures of {n:g} observations by "
            f"{CRITERIA[self.criterion]} ({LOWER})"
            + (f"; {collapsed} collapsed" if collapsed else "")
            + "\n"
            + shown.to_string(index=False, float_format="{:.3f}".format)
        )

    def _check(self, criterion):
        known = [name for name in CRITERIA if name in self.table]
        if criterion == "cv" and criterion not in known:
            raise InputError(
                "criterion",
                "be in the table",
                "'cv'",
                'Call `select(..., criterion="cv")` for cross-validation.',
            )
        return check_choice("criterion", criterion, known)


def select(
    X: Any,
    n_components: Any = range(1, 10),
    covariance_type: Any = "all",
    criterion: str = "bic",
    *,
    n_init: int = 2,
    n_folds: int = 5,
    random_state: Any = None,
    sample_weight: Any = None,
    n_jobs: int | None = None,
    progress: bool = True,
) -> Selection:
    """Fit mixtures of many sizes and families, and choose one.

    No fit ends below one that it contains: simple families and small sizes come first,
    and what they found, as it is and with components split, is where larger ones
    begin, beside partitions of the rows.

    Parameters
    ----------
    X : array-like or data frame of shape (n_observations, n_features)
        Lazy ones (Dask) are searched on a sample; see Notes.
    n_components : int or iterable of int
    covariance_type : str or iterable of str
        "all" for mclust's fourteen families (two for one feature), or names as in
        `GaussianMixture`.
    criterion : {"bic", "aic", "icl", "nec", "cv"}
        What chooses. "cv" adds to the table minus twice the log-likelihood of held-out
        rows, each fold fitted by the same search; it takes `n_folds` times as long.
    n_init : int
        Starts by k-means++ in every cell; one more comes from hierarchical clustering.
    n_folds : int
        Parts of the rows for "cv", at most one a row.
    random_state : int, RandomState or None
        The same number gives the same bits.
    sample_weight : array-like of shape (n_observations,), optional
        How often each row counts.
    n_jobs : int, optional
        Processes, -1 for one a core. Starting them takes seconds, so it pays for grids
        that take longer; the result is the same.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Selection
        ``.table``, ``.best``, ``.plot()``; prints as the best few.

    Raises
    ------
    InputError
        Before anything is computed, if data or an argument cannot be used.

    Notes
    -----
    Every start has a few steps of EM and the best of them go on until the gradient is
    zero. A spurious fit, with a component on just the rows that its covariance needs,
    is kept in a cell only if no other is as high as the models it contains.

    A spurious fit is chosen only if there is no other; of equal values the one with
    fewer parameters. NEC is 1 for one component.

    Of lazy rows a sample of 100,000 is searched. What it found is then run on all rows
    cell by cell, small and simple ones first, in one pass a step; a cell that ends
    below one that it contains begins there. All numbers of the table are those of all
    rows, and the criteria take one pass for the whole grid. "cv" is refused.

    References
    ----------
    .. [1] C. Fraley, A. E. Raftery (2002), Model-based clustering, discriminant
       analysis, and density estimation, JASA 97:611-631.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> selection = bg.select(X, range(1, 4), ["EEE", "VVV"], random_state=0)
    >>> selection.choose("bic")
    (3, 'EEE')
    """
    check_choice("criterion", criterion, CRITERIA)
    searched = X, n_components, covariance_type, n_init, sample_weight
    if is_chunked(X):
        _refuse_folds(criterion)
        grid = check_chunked_grid(*searched, n_jobs)
    else:
        grid = check_grid(*searched, n_folds, n_jobs)
    seed = int(check_random_state(random_state).randint(2**31))
    cells, table = judge(grid, criterion, seed, progress)
    ranked = rank(table, criterion)
    best = None if ranked.empty else grid.fit(cells[tuple(ranked[KEY].iloc[0])])
    return Selection(table, criterion, best, cells, grid, seed)


def _refuse_folds(criterion):
    if criterion == "cv":
        raise InputError(
            "criterion",
            "be another than 'cv' for lazy data",
            "'cv'",
            "Choose 'bic' or 'icl', or select on a sample, `X[:100_000].compute()`.",
        )
