"""How many components: a likelihood-ratio test by the parametric bootstrap."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count, check_probability
from bayesgmm.em import Status
from bayesgmm.errors import InputError
from bayesgmm.grid import Grid, check_grid
from bayesgmm.parameters import MixtureParameters
from bayesgmm.progress import track


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodRatioTest:
    """What `bayesgmm.likelihood_ratio_test` found.

    Attributes
    ----------
    null, alternative : int
        Numbers of components.
    covariance_type : str
    statistic : float
        Twice the gain in log-likelihood.
    p_value : float
        ``(1 + #{replicates >= statistic}) / (1 + n_replicates)``, of the replicates
        whose null could be fitted.
    replicates : array of shape (n_replicates,)
        The statistic of data drawn from the null's fit; NaN where the null's fit to
        them collapsed.
    """

    null: int
    alternative: int
    covariance_type: str
    statistic: float
    p_value: float
    replicates: Floats

    def __str__(self) -> str:
        known = self.replicates[~np.isnan(self.replicates)]
        high = np.quantile(known, 0.95) if len(known) else np.nan
        return (
            f"{self.null} against {self.alternative} components, "
            f"{self.covariance_type}: likelihood ratio {self.statistic:.3f}, p = "
            f"{self.p_value:.3g}. Of {len(known)} data sets drawn from "
            f"{self.null} components, 95% are below {high:.3f}."
        )


def likelihood_ratio_test(
    X: Any,
    n_components: int = 1,
    alternative: int | None = None,
    covariance_type: str = "full",
    *,
    n_replicates: int = 99,
    n_init: int = 2,
    random_state: Any = None,
    progress: bool = True,
) -> LikelihoodRatioTest:
    """Test a number of components against a larger one.

    The ratio of a mixture has no chi-square distribution; its distribution is that in
    data drawn from the smaller fit [1]_. Data and replicates are fitted by the same
    search: the larger mixture also begins with components of the smaller one split, so
    no ratio is negative.

    Parameters
    ----------
    X : array-like or data frame of shape (n_observations, n_features)
    n_components : int
        Of the null hypothesis.
    alternative : int, optional
        By default one more.
    covariance_type : str
    n_replicates : int
    n_init : int
        Starts by k-means++ in every fit, beside the others of `select`.
    random_state : int, RandomState or None
    progress : bool
        Show a progress bar.

    Returns
    -------
    LikelihoodRatioTest

    Raises
    ------
    InputError
        If data or an argument cannot be used, or the null cannot be fitted.

    References
    ----------
    .. [1] G. J. McLachlan (1987), On bootstrapping the likelihood ratio test statistic
       for the number of components in a normal mixture, Applied Statistics 36:318-324.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("galaxies")
    >>> test = bg.likelihood_ratio_test(X, 1, n_replicates=19, random_state=0)
    >>> test.p_value
    0.05
    """
    n_components = check_count("n_components", n_components)
    alternative = _check_alternative(alternative, n_components)
    check_count("n_replicates", n_replicates)
    sizes = (n_components, alternative)
    grid = check_grid(X, sizes, covariance_type, n_init)
    if len(grid.families) != 1:
        raise InputError(
            "covariance_type", "be one family", "several", 'For example "VVV".'
        )
    random = check_random_state(random_state)
    statistic, null = _ratio(grid, random)
    if null is None:
        raise InputError(
            "n_components",
            "be a number of components that the data can carry",
            f"{n_components}, of which every fit collapsed",
            "Lower it or choose a simpler `covariance_type`.",
        )
    drawn = (_ratio(_draw(grid, null, random), random)[0] for _ in range(n_replicates))
    text = f"Testing {n_components} against {alternative} components"
    replicates = np.array(list(track(drawn, n_replicates, text, progress)))
    known = replicates[~np.isnan(replicates)]  # the others say nothing either way
    p_value = (1 + np.sum(known >= statistic)) / (1 + len(known))
    return LikelihoodRatioTest(
        n_components,
        alternative,
        grid.families[0],
        statistic,
        float(p_value),
        replicates,
    )


def sequential_likelihood_ratio_tests(
    X: Any,
    covariance_type: str = "full",
    *,
    level: float = 0.05,
    most_components: int = 9,
    n_replicates: int = 99,
    random_state: Any = None,
    progress: bool = True,
) -> tuple[LikelihoodRatioTest, ...]:
    """Test 1 against 2 components, 2 against 3, until a test does not reject.

    Parameters
    ----------
    X : array-like or data frame of shape (n_observations, n_features)
    covariance_type : str
    level : float
        A p-value above it ends the sequence.
    most_components : int
        Of the last null hypothesis.
    n_replicates, random_state, progress
        As in `likelihood_ratio_test`.

    Returns
    -------
    tuple of LikelihoodRatioTest
        The null of the last is the number of components that was not rejected.
    """
    check_probability("level", level)
    random = check_random_state(random_state)
    tests: list[LikelihoodRatioTest] = []
    for size in range(1, check_count("most_components", most_components) + 1):
        settings = {"n_replicates": n_replicates, "progress": progress}
        test = likelihood_ratio_test(
            X, size, None, covariance_type, random_state=random, **settings
        )
        tests.append(test)
        if test.p_value > level:
            break
    return tuple(tests)


def _check_alternative(alternative, n_components):
    if alternative is None:
        return n_components + 1
    return check_count("alternative", alternative, at_least=n_components + 1)


def _ratio(grid: Grid, random) -> tuple[float, MixtureParameters | None]:
    """Return twice the gain, and the null's fit; none and NaN if that collapsed."""
    small, large = grid.search(int(random.randint(2**31)))
    if small.status is Status.COLLAPSED:
        return np.nan, None
    return 2 * (large.log_likelihood - small.log_likelihood), small.parameters


def _draw(grid: Grid, null: MixtureParameters, random) -> Grid:
    """Return a grid for as many rows drawn from a mixture."""
    n = grid.table.n_observations
    shares = null.weights / null.weights.sum()
    of = np.repeat(np.arange(null.n_components), random.multinomial(n, shares))
    lower = np.linalg.cholesky(null.covariances)[of]
    noise = random.standard_normal((n, null.n_features))
    rows = null.means[of] + np.einsum("nij,nj->ni", lower, noise)
    return replace(grid, table=replace(grid.table, values=rows))
