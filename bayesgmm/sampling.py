"""`sample`: draws from the posterior of a model, named and with labels resolved."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.arguments import check_choice, check_count, check_seed
from bayesgmm.cavi import sample_cavi
from bayesgmm.checkpoint import open_checkpoint
from bayesgmm.dims import DIMS, N_FILLED
from bayesgmm.errors import InputError
from bayesgmm.gibbs import gibbs
from bayesgmm.importance import GOOD_K, pareto_k, resample
from bayesgmm.kernels.threads import available_cores
from bayesgmm.posterior import (
    APPROXIMATE,
    LOG_LIKELIHOOD,
    PARETO_K,
    POSTERIOR,
    SAMPLE_STATS,
    build_posterior,
)
from bayesgmm.priors import Priors
from bayesgmm.relabel import relabel
from bayesgmm.sampled import Sampled, Settings
from bayesgmm.sampling_warnings import warn_of_draws, warn_of_ties
from bayesgmm.standing_in import stand_in
from bayesgmm.target import Target, make_target, tell
from bayesgmm.telescoping import telescoping

TUNE = 500
DISPERSED = "dispersed"
PER_DRAW = (POSTERIOR, SAMPLE_STATS, LOG_LIKELIHOOD)


@dataclass(frozen=True, slots=True)
class ConjugateMethod:
    """A sampler of conjugate posteriors, which needs no PyMC.

    Attributes
    ----------
    run : function
    kind : str
        The default priors; see `default_priors`.
    n_components : int or None
        How many to begin with where the user need not say.
    takes : tuple of str
        Names of arguments that not all methods understand.
    """

    run: Callable[[Target, Settings], Sampled]
    kind: str
    n_components: int | None = None
    takes: tuple[str, ...] = ()


CONJUGATE: dict[str, ConjugateMethod] = {
    "gibbs": ConjugateMethod(
        gibbs, "conjugate", takes=("missing", "labels", "noise", "X", "checkpoint")
    ),
    "telescoping": ConjugateMethod(
        telescoping, "dynamic", 10, ("missing", "X", "checkpoint")
    ),
    "cavi": ConjugateMethod(sample_cavi, "conjugate"),
}


def sample(
    model_or_X,
    n_components: int | None = None,
    covariance_type: str | None = None,
    *,
    method: str = "nuts",
    priors: Priors | None = None,
    init=None,
    sample_weight=None,
    weight_kind: str | None = None,
    labels=None,
    missing: str | None = None,
    noise=None,
    draws: int = 1000,
    tune: int = TUNE,
    chains: int = 4,
    cores: int | None = None,
    random_seed: int | None = None,
    checkpoint: str | PathLike[str] | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Sample the posterior of a mixture, relabel it, and return it for ArviZ.

    Parameters
    ----------
    model_or_X : pymc.Model, or array-like of shape (n_observations, n_features)
        A model from `build_model`, or any model of continuous variables; labels are
        resolved if it has the variables ``weights``, ``means`` and ``covariances``. Or
        the observations, also as a data frame, with the next arguments as in
        `build_model`.
    n_components : int, optional
    covariance_type : str, optional
        By default "full".
    priors : Priors, optional
        By default such as the method can use; see `default_priors`.
    init : GaussianMixture, MixtureParameters or "dispersed", optional
        A fitted EM estimate: where chains begin, and the reference of labels.
        Or "dispersed", with a model that was built with one: chain c then starts at the
        c-th of the good optima that the restarts of EM found, the best first, so that
        R-hat can see whether there are other solutions; see `stack_chains`.
    sample_weight : array-like of shape (n_observations,), optional
    weight_kind, labels, missing, noise
        As in `build_model`. All these are said with the observations, not with a model
        that has them already.
    method : str
        Exact in the long run: "nuts", the No-U-Turn sampler by nutpie, or by another
        package as "nuts_pymc", "nuts_numpyro" or "nuts_blackjax"; "gibbs", which is
        quicker and takes conjugate priors only; "telescoping", which also draws the
        number of components; with many draws "smc", sequential Monte Carlo, which needs
        no start, finds modes between which no chain would go, and estimates the
        evidence (``attrs["log_evidence"]``, with its spread over chains), but is slow.

        Approximate: "laplace" touches the posterior at its mode with a t-distribution,
        by far the quickest; "pathfinder" mixes the best normal distributions on
        `chains` paths to a mode; "advi" and "fullrank_advi" fit a normal distribution,
        all in the unconstrained variables; "cavi" fits one of the kind of its conjugate
        priors. How good they are says ``attrs["pareto_k"]`` of the group ``posterior``:
        up to 0.7 they are usable, and draws of "laplace" and "pathfinder" then are
        resampled by their importance weights; above it they are rough, with a warning.
    draws, tune, chains : int
        Draws are per chain, after `tune` steps of warm-up; a step of "telescoping" is
        ten sweeps. Approximations return ``draws * chains`` independent draws as one
        chain.
    cores : int, optional
        Chains that run at the same time; all processors if not given. Draws do not
        depend on it.
    random_seed : int, optional
        The same seed gives the same draws.
    checkpoint : str or PathLike, optional
        A file that keeps what was computed. The same call with the same file, after an
        interrupt or a crash, goes on where that was, and gives the draws that it would
        have given; seeds that were drawn are in the file too. For NUTS by nutpie or
        PyMC, "laplace", "pathfinder", "gibbs" and "telescoping".
    progress : bool
        Say on standard error what is going on.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``,
        and ``log_likelihood`` unless draws x observations exceed ten million.
        If the user interrupts, the draws made so far are returned, with a warning.

    Raises
    ------
    InputError
        If an argument is wrong.
    KeyboardInterrupt
        If the user interrupts before the first draw after warm-up.
    """
    method = _check_method(method)
    _check_checkpoint(checkpoint, method)
    counts = {"draws": draws, "tune": tune, "chains": chains}
    counts = {name: check_count(name, value) for name, value in counts.items()}
    cores = available_cores() if cores is None else check_count("cores", cores)
    own_seed = check_seed(random_seed)
    dispersed = _is_dispersed(init, method)
    what = _what(
        model_or_X,
        method,
        n_components=n_components,
        covariance_type=covariance_type,
        priors=priors,
        init=None if dispersed else init,
        sample_weight=sample_weight,
        weight_kind=weight_kind,
        labels=labels,
        missing=missing,
        noise=noise,
    )
    told = {"method": method, "random_seed": random_seed, "dispersed": dispersed}
    told |= counts | (tell(_target_of(what)) if checkpoint is not None else {})
    with open_checkpoint(checkpoint, told) as kept:
        seed = kept.recall("seed", (), lambda: {"seed": own_seed})["seed"]
        settings = Settings(
            **counts,
            cores=cores,
            seed=int(seed),
            progress=progress,
            dispersed=dispersed,
            checkpoint=kept,
        )
        few = stand_in(_target_of(what), method, settings)
        sampled = _run(what, method, replace(settings, stand_in=few))
    attrs = {
        "method": method,
        "random_seed": settings.seed,
        "tuning_steps": tune,
        "sampling_time": sampled.seconds,
        APPROXIMATE: 0,  # a number, for files
    }
    attrs |= _quality(sampled) | sampled.attrs
    sampled = _resampled(sampled, attrs.get(PARETO_K, np.nan), settings.seed)
    posterior = build_posterior(sampled.groups, sampled.coords, sampled.dims, attrs)
    warn_of_draws(sampled, posterior, settings)
    warn_of_ties(posterior, _target_of(what))
    return _relabelled(posterior, _target_of(what))


def _is_dispersed(init, method) -> bool:
    if not (isinstance(init, str) and init == DISPERSED):
        return False
    from bayesgmm.marginal.run import NUTS  # PyMC takes seconds

    if method in NUTS:
        return True
    raise InputError(
        "init",
        f"not be {DISPERSED!r} for `method={method!r}`",
        "both",
        f"Only {', '.join(map(repr, NUTS))} can start chains at several optima.",
    )


def _check_checkpoint(checkpoint, method) -> None:
    if checkpoint is None:
        return
    from bayesgmm.marginal.run import RESUMED  # PyMC takes seconds

    able = [name for name, own in CONJUGATE.items() if "checkpoint" in own.takes]
    if method not in (*able, *RESUMED):
        raise InputError(
            "checkpoint",
            f"be None for `method={method!r}`",
            "a file",
            f"Only {', '.join(map(repr, (*RESUMED, *able)))} can go on from one.",
        )


def _what(model_or_X, method, **known) -> Any:
    """Return what is sampled: a model, or a target."""
    if not _is_model(model_or_X):
        known = {name: value for name, value in known.items() if value is not None}
        if method in CONJUGATE:
            known = _complete(CONJUGATE[method], known)
        known.setdefault("n_components", None)
        return make_target(model_or_X, **known)
    told = [name for name, value in known.items() if value is not None]
    if told:
        raise InputError(
            told[0],
            "not be given with a model, which has its own",
            "both",
            "Pass it to `build_model`, or pass observations to `sample`.",
        )
    if method in CONJUGATE and not hasattr(model_or_X, "target"):
        raise InputError(
            "model_or_X",
            f"be observations or from `build_model` for `method={method!r}`",
            "another model",
            "Only NUTS and its like can sample any model.",
        )
    return model_or_X.target if method in CONJUGATE else model_or_X


def _refuse_unknown(target: Target, method: str) -> None:
    """Refuse gaps, labels, noise and lazy rows where a method would not see them."""
    told = {
        "missing": ("missing values", target.has_gaps),
        "labels": ("known labels", target.allowed is not None),
        "noise": ("a noise component", target.noise is not None),
        "X": ("lazy rows", target.sketch is not None),
    }
    for argument, (what, given) in told.items():
        if given and argument not in CONJUGATE[method].takes:
            others = [name for name, own in CONJUGATE.items() if argument in own.takes]
            raise InputError(
                argument,
                f"not be used with `method={method!r}`",
                what,
                f"Use one of {', '.join(map(repr, ['nuts', *others]))}.",
            )


def _is_model(model_or_X) -> bool:
    pymc = sys.modules.get("pymc")  # not loaded, there is no model either
    return pymc is not None and isinstance(model_or_X, pymc.Model)


def _complete(own: ConjugateMethod, known) -> dict[str, Any]:
    """Fill in the method's own size and kind of priors where the user does not say."""
    return {"n_components": own.n_components, "kind": own.kind} | known


def kind_of_priors(method: str) -> str:
    """Return the default priors of a sampler of a known number of components.

    Parameters
    ----------
    method : str

    Returns
    -------
    str
        As in `default_priors`.

    Raises
    ------
    InputError
        If there is no such sampler, or it draws the number of components.
    """
    own = CONJUGATE.get(_check_method(method))
    if own is None or own.n_components is None:
        return "default" if own is None else own.kind
    raise InputError(
        "method",
        "sample a known number of components",
        f"{method!r}",
        f"Call `bayesgmm.sample(X, method={method!r})` for an unknown number.",
    )


def _check_method(method: str) -> str:
    if method in CONJUGATE:
        return method
    from bayesgmm.marginal import run  # PyMC takes seconds

    return check_choice("method", method, (*run.METHODS, *CONJUGATE))


def _run(what, method, settings) -> Sampled:
    if method in CONJUGATE:
        _refuse_unknown(what, method)
        return CONJUGATE[method].run(what, settings)
    from bayesgmm.marginal import model, run  # PyMC takes seconds

    what = model.model_of(what) if isinstance(what, Target) else what
    return run.sample_model(what, method, settings)


def _quality(sampled: Sampled) -> dict[str, float]:
    """Say how good an approximation is whose draws know their density, ``log_q``."""
    stats = sampled.groups.get(SAMPLE_STATS, {})
    if "log_q" not in stats:
        return {}
    return {PARETO_K: pareto_k(stats["lp"] - stats["log_q"])}


def _resampled(sampled: Sampled, k: float, seed: int) -> Sampled:
    """Choose among the draws by their importance, if they are to be and if it helps."""
    n = sampled.n_resampled
    if n is None:
        return sampled
    stats, chosen = sampled.groups[SAMPLE_STATS], slice(n)
    if k <= GOOD_K:
        rng = np.random.default_rng([seed, 1])
        chosen = resample((stats["lp"] - stats["log_q"])[0], n, rng)
    groups = {
        name: {key: value[:, chosen] for key, value in group.items()}
        if name in PER_DRAW
        else group
        for name, group in sampled.groups.items()
    }
    return replace(sampled, groups=groups)


def _target_of(what) -> Target | None:
    return what if isinstance(what, Target) else getattr(what, "target", None)


def _relabelled(posterior, target: Target | None):
    names = set(posterior[POSTERIOR].data_vars)
    if not set(DIMS) <= names or N_FILLED in names:
        return posterior
    rows = target.table if target is not None and target.sketch else None
    return relabel(posterior, reference=target and target.em, X=rows)
