"""`Profile`: components described, compared and ranked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_places
from bayesgmm.dims import COLUMN, COMPONENT, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.intervals import spread
from bayesgmm.naming import component_name, format_estimate

EMPTY = "empty"
SUMMARY = ("mean", "sd", "lower", "upper")


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Sizes, means and spreads of components; from `bayesgmm.profile`.

    Attributes
    ----------
    draws : xarray.Dataset
        ``size`` and ``share`` (chain, draw, component), ``mean`` and ``sd`` (chain,
        draw, component, column). Where a component has no rows in a draw, its size is 0
        and its means and standard deviations are NaN. Sizes are sums of sample weights.
    probability : float
        Of the equal-tailed intervals.
    population : bool
        Whether it is of the population, or of the rows alone.
    n_observations : int
    """

    draws: xr.Dataset
    probability: float
    population: bool
    n_observations: int

    @property
    def components(self) -> list:
        """The components, in the order of the posterior; noise is the last."""
        return self.draws[COMPONENT].values.tolist()

    @property
    def columns(self) -> list[str]:
        """What is described."""
        return self.draws[COLUMN].values.tolist()

    @property
    def table(self) -> pd.DataFrame:
        """Posterior mean, sd and interval (lower, upper) of every quantity.

        Rows are (component, quantity, column): ``size`` and ``share``, then ``mean``
        and ``sd`` of every column. Draws without rows in the component are left out.
        """
        rows = {
            (component, quantity, column): self._summary(values[:, k])
            for k, component in enumerate(self.components)
            for quantity, column, values in self._quantities()
        }
        return _frame(rows, (COMPONENT, "quantity", COLUMN), SUMMARY)

    @property
    def ranks(self) -> pd.DataFrame:
        """How probable each rank by size is, 1 the largest; equal sizes share the best.

        One row a component. Its last column is the probability that it has no rows.
        """
        size = self._samples("size")
        above = (size[:, None, :] > size[:, :, None]).sum(axis=-1)
        rank = np.where(size > 0, above, size.shape[1])
        n = size.shape[1]
        shares = np.stack([(rank == r).mean(axis=0) for r in range(n + 1)], axis=1)
        index = pd.Index(self.components, name=COMPONENT)
        return pd.DataFrame(shares, index, [*range(1, n + 1), EMPTY])

    def contrast(self, a: Any, b: Any) -> pd.DataFrame:
        """Compare two components: how much higher is the first, and how probably.

        Parameters
        ----------
        a, b : component
            Each a name or a place.

        Returns
        -------
        pandas.DataFrame
            Rows are (quantity, column): ``share``, and ``mean`` of every column.
            Columns are the posterior mean, sd and interval of the difference ``a - b``,
            and ``probability``, that of a higher value in ``a``. Draws in which one of
            the two has no rows say nothing of means.

        Raises
        ------
        InputError
            If there is no such component, or both are the same.
        """
        first, second = self._place("a", a), self._place("b", b)
        if first == second:
            raise InputError(
                "b", "be another component than `a`", repr(b), "Name two components."
            )
        rows = {
            (quantity, column): self._compare(values[:, first] - values[:, second])
            for quantity, column, values in self._quantities()
            if quantity in ("share", "mean")
        }
        return _frame(rows, ("quantity", COLUMN), (*SUMMARY, "probability"))

    def plot(self, columns: Any = None, ax: Any = None):
        """Plot shares, means and spreads; see `bayesgmm.plot_profile`.

        Parameters
        ----------
        columns : sequence of str, optional
            In the order wanted, by default all.
        ax : sequence of matplotlib Axes, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayesgmm.plots.profile import plot_profile

        return plot_profile(self, columns=columns, ax=ax)

    def __str__(self) -> str:
        n_components, n_draws = len(self.components), len(self._samples("size"))
        of = "the population of " if self.population else ""
        title = (
            f"{_count(n_components, 'component')} of "
            f"{of}{_count(self.n_observations, 'row')}, "
            f"from {_count(n_draws, 'draw')} of labels: "
            f"means and {self.probability:.0%} intervals"
        )
        return f"{title}\n{self._written().to_string()}"

    def _written(self) -> pd.DataFrame:
        """Write one column a component."""
        rows = {
            f"{quantity} of {column}" if column else quantity: [
                format_estimate(*self._summary(values[:, k]))
                for k in range(len(self.components))
            ]
            for quantity, column, values in self._quantities()
        }
        names = [component_name(component) for component in self.components]
        return pd.DataFrame.from_dict(rows, orient="index", columns=names)

    def _quantities(self):
        """Yield quantity, column and values (n_samples, n_components)."""
        yield "size", "", self._samples("size")
        yield "share", "", self._samples("share")
        for quantity in ("mean", "sd"):
            values = self._samples(quantity)
            for j, column in enumerate(self.columns):
                yield quantity, column, values[..., j]

    def _samples(self, name: str) -> Floats:
        values = self.draws[name].transpose(*SAMPLE_DIMS, COMPONENT, ...).values
        return values.reshape(-1, *values.shape[2:])

    def _summary(self, values: Floats) -> tuple[float, ...]:
        known = values[~np.isnan(values)]
        if not len(known):
            return (np.nan,) * len(SUMMARY)
        return tuple(map(float, spread(known, self.probability)))

    def _compare(self, differences: Floats) -> tuple[float, ...]:
        known = differences[~np.isnan(differences)]
        above = float((known > 0).mean()) if len(known) else np.nan
        return *self._summary(differences), above

    def _place(self, argument: str, one: Any) -> int:
        components = self.components
        if one in components:
            return components.index(one)
        return check_places(argument, [one], list(map(str, components)))[0]


def _frame(rows, levels, columns) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(rows, names=levels)
    return pd.DataFrame(list(rows.values()), index, columns)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
