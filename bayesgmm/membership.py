"""Which component each observation belongs to, and how sure that is."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_probability
from bayesgmm.blocks import responsibilities_of
from bayesgmm.chunks import Chunks, is_chunked, row_names
from bayesgmm.decision import decide, split_entropy
from bayesgmm.dims import COMPONENT, NOISE, OBSERVATION
from bayesgmm.intervals import INTERVAL_PROBABILITY, spread
from bayesgmm.kept import allowed_of, lazy_observations_of, observations_of
from bayesgmm.kernels.threads import run_tasks
from bayesgmm.posterior import Draws, read_draws
from bayesgmm.relabel.resolved import check_resolved
from bayesgmm.validation import check_table

FEW_ROWS = 16

BOTH, ONE = (OBSERVATION, COMPONENT), (OBSERVATION,)
VARIABLES = {
    "probability": (BOTH, "1", "posterior mean probability of belonging"),
    "probability_sd": (BOTH, "1", "posterior standard deviation of the probability"),
    "probability_lower": (BOTH, "1", "lower end of the interval of the probability"),
    "probability_upper": (BOTH, "1", "upper end of the interval of the probability"),
    "label": (ONE, "1", "component of the highest mean probability, counted from 0"),
    "entropy": (ONE, "nats", "entropy of the mean probabilities"),
    "assignment_entropy": (ONE, "nats", "mean entropy: components overlap"),
    "parameter_entropy": (ONE, "nats", "the rest: the parameters are not known"),
    "margin": (ONE, "1", "highest less second-highest mean probability"),
}


class Summary(NamedTuple):
    """Responsibilities of a block of rows, summarised over draws."""

    probability: Floats
    probability_sd: Floats
    probability_lower: Floats
    probability_upper: Floats
    assignment_entropy: Floats


def membership(
    posterior: xr.DataTree, X: Any = None, probability: float = INTERVAL_PROBABILITY
) -> xr.Dataset:
    """Average each observation's membership over the posterior.

    Labels must mean the same in all draws: `relabel` the posterior first.

    Parameters
    ----------
    posterior : xarray.DataTree
        Relabelled draws of a mixture.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Old or new observations, by default the data that the posterior holds. They may
        have missing values if these have. Rows of the fit, known by their index and
        values, keep what was known of their labels.
        Lazy ones (Dask) make a lazy Dataset, and are refused where labels are known.
    probability : float, default 0.9
        Of the equal-tailed intervals.

    Returns
    -------
    xarray.Dataset
        ``probability``, ``probability_sd``, ``probability_lower`` and
        ``probability_upper`` (obs_id, component); ``label``, ``entropy``,
        ``assignment_entropy``, ``parameter_entropy`` and ``margin`` (obs_id).
        With noise the last component is noise, called -1, or "noise" beside components
        with names, and -1 is its label. Entropies are in nats, and ``entropy`` is the
        sum of the other two: what overlapping components cause, and what not knowing
        the parameters causes. Of lazy rows it is computed when it is asked for, chunk
        by chunk; ``obs_id`` is the coordinate of a DataArray, else 0, 1, ...

    Raises
    ------
    InputError
        If `X` has other features than the posterior, labels have not been resolved, or
        `probability` is not in (0, 1).

    Notes
    -----
    Rows are done block by block: memory does not grow with draws x observations.
    The split of the entropy is that of S. Depeweg et al. (2018), *Decomposition of
    uncertainty in Bayesian deep learning*, ICML, for components in place of classes.
    """
    probability = check_probability("probability", probability)
    draws = read_draws(posterior, noisy=True)
    check_resolved(posterior)
    if is_chunked(X):
        chunks = lazy_observations_of(posterior, draws.feature_names, X)
        arrays = _lazily(chunks, draws, probability)
        return _dataset(arrays, draws, probability, row_names(X, len(chunks)))
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    allowed = allowed_of(posterior, table)
    arrays = _describe(table.values, draws, allowed, probability)
    return _dataset(arrays, draws, probability, table.obs_ids)


def _describe(X, draws: Draws, allowed: Any, probability: float) -> dict[str, Any]:
    """Return all variables of rows in memory, rows first."""
    found = _complete(_summarise_all(X, draws, allowed, probability), draws.stretch)
    label = found["label"]
    label[label == draws.n_components] = NOISE
    return found


def _lazily(chunks: Chunks, draws: Draws, probability: float) -> dict[str, Any]:
    """Return all variables of lazy rows; a chunk is read once for all of them."""
    import dask
    import dask.array as da

    names = list(VARIABLES)
    returned = ["(k)" if VARIABLES[name][0] == BOTH else "()" for name in names]
    types = [np.int64 if name == "label" else np.float64 for name in names]
    arrays = da.apply_gufunc(
        _describe_chunk,
        "(d)->" + ",".join(returned),
        chunks.array,
        output_dtypes=types,
        output_sizes={"k": draws.n_shares},
        # Draws are large: one object for all chunks.
        told=dask.delayed((draws, chunks.missing, probability), traverse=False),  # pyright: ignore[reportPrivateImportUsage]
    )
    return dict(zip(names, arrays, strict=True))


def _describe_chunk(rows, told):
    draws, missing, probability = told
    values = check_table(rows, missing).values
    found = _describe(values, draws, None, probability)
    return tuple(found[name] for name in VARIABLES)


def _summarise_all(X, draws: Draws, allowed: Any, probability: float) -> Summary:
    """Fill the summary a few rows at a time, whose draws stay in cache."""
    n, k = len(X), draws.n_shares
    tables = np.empty((4, n, k))
    summary = Summary(tables[0], tables[1], tables[2], tables[3], np.empty(n))
    for rows, block in responsibilities_of(X, draws, allowed):

        def fill(first, rows=rows, block=block):
            few = slice(first, first + FEW_ROWS)
            found = _summarise(block[:, few], probability, draws.stretch)
            for whole, part in zip(summary, found, strict=True):
                whole[rows[few]] = part

        run_tasks(fill, range(0, block.shape[1], FEW_ROWS))
    return summary


def _summarise(responsibilities: Floats, probability: float, stretch: float) -> Summary:
    """Reduce (n_samples, n_rows, n_components) over samples."""
    p = np.ascontiguousarray(np.moveaxis(responsibilities, 0, -1))
    mean, sd, *ends = spread(np.moveaxis(p, -1, 0), probability, stretch)
    lower, upper = np.clip(ends, 0.0, 1.0)
    p *= np.log(np.where(p > 0.0, p, 1.0))  # several times as fast as `entr`
    return Summary(mean, sd, lower, upper, -p.sum(axis=1).mean(axis=-1))


def _complete(summary: Summary, stretch: float) -> dict[str, np.ndarray]:
    """Add what follows from the mean probabilities."""
    mean = summary.probability.T
    label, margin = decide(mean)
    entropies = split_entropy(mean, summary.assignment_entropy, stretch)
    decided = {"label": label.astype(np.int64), "margin": margin}
    return summary._asdict() | decided | entropies


def _dataset(arrays, draws: Draws, probability, obs_ids: Any) -> xr.Dataset:
    variables = {
        name: (dims, arrays[name], {"units": units, "long_name": long_name})
        for name, (dims, units, long_name) in VARIABLES.items()
    }
    return xr.Dataset(
        variables,
        coords={OBSERVATION: obs_ids, COMPONENT: draws.share_names},
        attrs={"interval_probability": probability, "n_samples": draws.n_samples},
    )
