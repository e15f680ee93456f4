"""How large segments are, and how sure that is where neighbouring pixels are alike."""

import warnings
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import expit, logit, ndtri

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_number, check_probability
from bayesgmm.correlation import design_effect
from bayesgmm.decision import MISSING, decide
from bayesgmm.dims import COMPONENT, OBSERVATION
from bayesgmm.errors import InputError, UncertaintyWarning
from bayesgmm.intervals import INTERVAL_PROBABILITY, equal_tails
from bayesgmm.naming import component_name
from bayesgmm.scenes import read_scene
from bayesgmm.segmenter import Segmenter, evaluate
from bayesgmm.smoothing import smooth_layers

NEIGHBOURHOOD = 1.5
"""Standard deviation, in pixels, of the weights that smooth a map for its labels."""
WORTH_A_WARNING = 2.0
"""How many times too large a number of independent pixels is taken to be."""
FEWEST_AGREED = 30
"""Pixels with the label of their surroundings from which correlation can be told."""


def area(
    data: Any,
    mixture: Any,
    feature_dim: Any = None,
    *,
    cell_area: float = 1.0,
    nodata: Any = None,
    probability: float = INTERVAL_PROBABILITY,
    progress: bool = True,
) -> xr.Dataset:
    """Return the area of every segment of a scene, with honest intervals.

    Parameters
    ----------
    data, mixture, feature_dim, nodata, progress
        As `segment` takes them.
    cell_area : float, default 1.0
        Of a pixel, for example 900 for square metres at 30 metres.
    probability : float, default 0.9
        Of the intervals.

    Returns
    -------
    xarray.Dataset
        By component ``area``, the sum of probabilities times `cell_area`; ``share`` of
        the pixels that are not missing; ``n_effective``, how many independent pixels
        tell as much. From draws also ``area_sd``, ``area_lower`` and ``area_upper``,
        and ``naive_lower`` and ``naive_upper``, which take pixels as independent.

    Raises
    ------
    InputError
        As `segment` does; if `cell_area` is not positive, `probability` not in (0, 1),
        or all pixels are missing.

    Warns
    -----
    UncertaintyWarning
        If neighbours are so alike that the naive intervals are far too narrow, or too
        few pixels belong to segments with neighbours to tell.

    Notes
    -----
    It is the area in this scene, all of whose pixels were seen; what is not known is
    which component they come from. If pixels were independent given their components,
    the variance of an area would be that of its expectation over draws and, labels
    being drawn, the mean over draws of ``sum(p (1 - p))``.

    In scenes light, soil and the like change slowly, so that the model errs in whole
    neighbourhoods. Take the pixels that have the label of their surroundings: what is
    left of their probability of a component, after the mean over pixels of that label
    is subtracted, is independent from pixel to pixel if the model is right. From its
    empirical autocorrelations rho, ``n_effective = n / sum(rho)`` over the lags up to
    where they vanish [1]_, and standard deviations are multiplied by
    ``sqrt(sum(rho))``: those that come from the draws too, as if the mixture was fitted
    to pixels as near to each other as these. It is an estimate from one scene: rough if
    ``n_effective`` is small, and too large where the model errs in neighbourhoods as
    large as segments, or where pixels of different segments alternate without pattern.
    Rows of tables have no neighbours and are taken as independent. Intervals are normal
    on the scale of log-odds, and end where by Cantelli's inequality any distribution of
    this mean and standard deviation has no more beyond.

    References
    ----------
    .. [1] P. Clifford, S. Richardson, D. Hemon (1989), *Assessing the significance of
       the correlation between two spatial processes*, Biometrics 45:123-134.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> rng = np.random.default_rng(0)
    >>> image = np.where(np.arange(60) < 20, 0.0, 5.0) + rng.normal(size=(50, 60))
    >>> em = bg.GaussianMixture(2, random_state=0).fit(image.reshape(-1, 1))
    >>> bg.area(image, em, cell_area=2.0)["area"].values.round(-2)
    array([4000., 2000.])
    """
    rule = "be a number above 0"
    cell_area = check_number("cell_area", cell_area, rule, lambda value: value > 0)
    probability = check_probability("probability", probability)
    segmenter = Segmenter.of(mixture)
    scene = read_scene(data, segmenter.feature_names, feature_dim, nodata)
    array = scene.array.transpose(..., scene.feature_dim)
    found = evaluate(array.data, scene, segmenter, ("label", "probability"), progress)
    totals = found.totals.mean(axis=0)
    n = int((found.maps["label"] != MISSING).sum())
    _check_any(n)
    effects = np.ones(len(totals))
    if scene.dims != (OBSERVATION,):
        effects, n_agreed = _design_effects(found.maps["probability"])
        if segmenter.drawn and n_agreed < FEWEST_AGREED:
            _warn_of_few(n_agreed, n)
    areas = {"area": cell_area * totals, "share": totals / n}
    areas["n_effective"] = n / effects
    if segmenter.drawn:
        of_parameters = segmenter.stretch**2 * found.totals.var(axis=0)
        naive = np.sqrt(of_parameters + found.label_variances)
        areas["area_sd"] = cell_area * naive * np.sqrt(effects)
        for name, sd in (("area", naive * np.sqrt(effects)), ("naive", naive)):
            lower, upper = _interval(totals, sd, n, probability)
            areas[f"{name}_lower"] = cell_area * lower
            areas[f"{name}_upper"] = cell_area * upper
        _warn(n, effects, segmenter.components)
    said = {"cell_area": cell_area, "n_pixels": n, "interval_probability": probability}
    return xr.Dataset(
        {name: (COMPONENT, values) for name, values in areas.items()},
        coords={COMPONENT: segmenter.components},
        attrs=scene.attrs | said,
    )


def _check_any(n):
    if n == 0:
        raise InputError(
            "data",
            "have a pixel that is not missing",
            "none",
            "Look at `nodata` and at what was read.",
        )


def _design_effects(shares: Floats) -> tuple[Floats, int]:
    """Return how many times too large the number of pixels is, for each component.

    And how many pixels have the label of their surroundings, which tell.
    """
    own = decide(shares)[0]  # noise by its place
    around = decide(smooth_layers(shares, shares.ndim - 1, NEIGHBOURHOOD))[0]
    agreed, effects = (own == around) & (own != MISSING), []
    for share in shares:
        left = np.zeros_like(share)
        for each in np.unique(own[agreed]):
            chosen = agreed & (own == each)
            left[chosen] = share[chosen] - share[chosen].mean(dtype=np.float64)
        effects.append(design_effect(left))
    return np.array(effects), int(agreed.sum())


def _interval(totals, sd, n, probability) -> tuple[Floats, Floats]:
    """Return the ends of an interval of numbers of pixels, none below 0 or above n."""
    share = np.clip(totals / n, 1e-12, 1 - 1e-12)
    tail, rest = equal_tails(probability)
    reach = ndtri(rest) * sd / (n * share * (1 - share))
    # Of an absent segment the scale of log-odds knows nothing; Cantelli always does.
    farthest = np.sqrt(rest / tail) * sd
    lower = np.maximum(n * expit(logit(share) - reach), totals - farthest)
    return lower, np.minimum(n * expit(logit(share) + reach), totals + farthest)


def _warn_of_few(n_agreed, n) -> None:
    warnings.warn(
        "Whether neighbouring pixels are independent cannot be told: only "
        f"{n_agreed} of {n} have the label of their surroundings. Intervals "
        "take them as nearly independent, and are too narrow if they are not.",
        UncertaintyWarning,
        stacklevel=3,
    )


def _warn(n, effects, components) -> None:
    worst = int(effects.argmax())
    if effects[worst] < WORTH_A_WARNING:
        return
    warnings.warn(
        "Pixels are not independent: where the probability of "
        f"{component_name(components[worst])} is higher or lower than usual in its "
        f"surroundings, that of the neighbours is so too. {n} pixels tell as much "
        f"about its area as {n / effects[worst]:.0f} independent ones. The interval "
        "`naive_lower` to `naive_upper`, which counts each pixel as new evidence, is "
        f"about {np.sqrt(effects[worst]):.1f} times too narrow. `area_lower` to "
        "`area_upper` allow for that.",
        UncertaintyWarning,
        stacklevel=3,
    )
