"""From settings and data to runs: what every fit by EM does.

`settings` is whatever has the parameters of `GaussianMixture` as attributes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from bayesgmm.arguments import check_choice, check_count, check_number
from bayesgmm.checkpoint import Checkpoint
from bayesgmm.clutter import find_clutter
from bayesgmm.collapse import ON_COLLAPSE, run_through
from bayesgmm.compression import Repeated, compress
from bayesgmm.conjugate_default import default_conjugate, resolve_prior
from bayesgmm.constraints import check_fixed_weights, check_frozen
from bayesgmm.covariances import covariance_family
from bayesgmm.em import EMRun, Status
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable, check_not_collinear, find_floor
from bayesgmm.initialise import Overall, check_given
from bayesgmm.labelled import known_means, match_labels, observe_labelled
from bayesgmm.maximise import Maximiser
from bayesgmm.moves import split_merge_starts
from bayesgmm.noise import Noise, check_noise, find_box, refuse_noise_and_gaps
from bayesgmm.observations import Observations
from bayesgmm.overall import fill_gaps, find_overall
from bayesgmm.parameters import MixtureParameters
from bayesgmm.remembered import remember
from bayesgmm.restarts import Restarts
from bayesgmm.starts import INIT_PARAMS, Starts
from bayesgmm.steps import Objective
from bayesgmm.validation import MISSING, Table
from bayesgmm.weight_kinds import weight_kind


def check_settings(settings: Any) -> None:
    """Refuse settings that no fit can have."""
    check_count("n_components", settings.n_components)
    covariance_family(settings.covariance_type)
    check_choice("init_params", settings.init_params, INIT_PARAMS)
    check_choice("on_collapse", settings.on_collapse, ON_COLLAPSE)
    check_count("n_init", settings.n_init)
    check_count("max_iter", settings.max_iter, at_least=0)
    check_count("verbose_interval", settings.verbose_interval)
    check_choice("missing", settings.missing, MISSING)
    check_noise(settings.noise)
    if settings.noise is not None and settings.fixed_weights is not None:
        raise InputError(
            "fixed_weights",
            "be None for a fit with noise",
            repr(settings.fixed_weights),
            "The weight of noise is estimated, and so are then the others.",
        )
    weight_kind(settings.weight_kind)
    rule = "be a number of 0 or more"
    check_number("reg_covar", settings.reg_covar, rule, lambda value: value >= 0)
    if settings.tol is not None:
        rule = "be None or a number of 0 or more"
        check_number("tol", settings.tol, rule, lambda value: value >= 0)


def build_objective(
    settings: Any, table: Table, weight, allowed=None, *, floored: bool = False
) -> Objective:
    """Check that the data can carry the mixture, and say what its fit maximises.

    Parameters
    ----------
    settings
    table : Table
        Rows that count.
    weight : array of shape (n_observations,) or None
        Above zero.
    allowed : array of bool, shape (n_observations, n_components), optional
        Which components each row may come from; see `bayesgmm.labelled`.
    floored : bool
        Whether columns that are collinear as the family sees them are given a little
        spread of their own. If not, they are refused.
    """
    if settings.noise is not None:
        refuse_noise_and_gaps(settings.noise, np.isnan(table.values.min()))
    free = settings.reg_covar == 0 and settings.prior is None
    check_fittable(table, settings.n_components, distinct=free)
    family = _family(settings, table.n_features)
    overall = find_overall(table.values, weight, family)
    check_keeps_components(settings, labelled=allowed is not None)
    observations = observe_labelled(table.values, weight, allowed)
    return objective_of(
        settings, observations, overall, table.feature_names, floored=floored
    )


def check_keeps_components(settings: Any, *, labelled: bool) -> None:
    """Refuse to drop components that labels name."""
    if labelled and ON_COLLAPSE[settings.on_collapse].drops:
        raise InputError(
            "on_collapse",
            "keep all components where labels name some",
            repr(settings.on_collapse),
            "Choose 'repair' or 'report'.",
        )


def objective_of(
    settings: Any,
    observations: Observations,
    overall: Overall,
    feature_names: tuple[str, ...],
    *,
    floored: bool = False,
) -> Objective:
    """Say what a fit of checked observations maximises, given the moments of all."""
    family = _family(settings, len(feature_names))
    maximiser = _build_maximiser(settings, family, feature_names, overall)
    reference = maximiser.covariance_of_all(family, overall)
    if floored and (floor := find_floor(reference)) is not None:
        maximiser, reference = replace(maximiser, floor=floor), reference + floor
    check_not_collinear(reference, settings.covariance_type)
    return Objective(observations, reference, maximiser)


def _build_maximiser(settings, family, names, overall):
    k = settings.n_components
    given = _given(settings, len(names))
    prior, repair = resolve_prior(settings.prior, overall, k, family, names), None
    if prior is None and ON_COLLAPSE[settings.on_collapse].needs_prior:
        repair = default_conjugate(overall, k, family, names)
    return Maximiser(
        settings.reg_covar,
        prior,
        check_fixed_weights(settings.fixed_weights, k),
        check_frozen(settings.frozen, given, family),
        repair=repair,
    )


def _family(settings, n_features):
    return covariance_family(settings.covariance_type, n_features)


def _given(settings, n_features):
    return check_given(
        settings.weights_init,
        settings.means_init,
        settings.precisions_init,
        (settings.n_components, n_features),
        _family(settings, n_features),
    )


def run_starts(
    settings: Any,
    objective: Objective,
    table: Table,
    weight,
    allowed=None,
    responsibilities=None,
    box: Noise | None = None,
    checkpoint: Checkpoint | None = None,
) -> Iterator[EMRun]:
    """Run EM from every start, then from moves that lead higher.

    Components of each run are given their final order. Where the user numbered them,
    they keep it, and there are no moves. Equal rows are put together where they are
    many.

    Parameters
    ----------
    settings
    objective : Objective
        `build_objective` of what follows.
    table, weight, allowed
    responsibilities : array of shape (n_observations, n_components), optional
        What EM begins with.
    box : Noise, optional
        Of noise, by default that of the rows.
    checkpoint : Checkpoint, optional
        Keeps the passes of all runs.
    """
    objective = replace(objective, observations=compress(objective.observations))
    numbered = numbers_components(settings) or allowed is not None
    if continues(settings):
        starts, numbered = [last_fit(settings, table.feature_names)], True
    else:
        starts = find_starts(
            settings, objective, table, weight, allowed, responsibilities, box
        )
    moves = settings.split_merge and not numbered
    if checkpoint is not None:
        objective = remember(objective, checkpoint)
    yield from run_each(settings, objective, starts, numbered=numbered, moves=moves)


def run_each(
    settings: Any,
    objective: Objective,
    starts: Iterable[MixtureParameters],
    *,
    numbered: bool,
    moves: bool,
) -> Iterator[EMRun]:
    """Run EM from each of these starts, then perhaps from moves; see `run_starts`."""
    previous = -np.inf
    if continues(settings):
        previous = getattr(settings, "lower_bound_", -np.inf)

    def run(start):
        run = run_through(
            objective,
            objective.maximiser.hold(start),
            settings.on_collapse,
            max_iter=settings.max_iter,
            tol=settings.tol,
            previous=previous * objective.n_observations,
            on_step=_printer(settings),
        )
        if objective.maximiser.floor is not None:
            run = run.on_collinear_data()
        return run if numbered else run.largest_first()

    runs = _with_moves(objective, run, starts) if moves else map(run, starts)
    for number, each in enumerate(runs):
        if settings.verbose:
            print(f"Start {number}: {each}")
        yield each


def continues(settings: Any) -> bool:
    """Tell whether a fit goes on from the last one."""
    return settings.warm_start and hasattr(settings, "parameters_")


def _with_moves(objective, run, starts):
    """Leave the best of all runs by splits and merges as long as that leads higher."""
    runs = []
    for start in starts:
        runs.append(run(start))
        yield runs[-1]
    best = _best(runs, objective)
    while best is not None and best.status is Status.CONVERGED:
        starts = split_merge_starts(best.parameters, objective)
        best = next(
            filter(partial(_leads_higher, objective, best), map(run, starts)), None
        )
        if best is not None:
            yield best


def _leads_higher(objective, best, moved):
    return _best([best, moved], objective) is moved


def _best(runs, objective):
    n_rows = objective.observations.n_rows
    return Restarts.of(runs, objective.n_observations, n_rows).best


def numbers_components(settings):
    """Tell whether the user did, by what he gave for each of them."""
    weights = settings.fixed_weights
    numbers = None if isinstance(weights, str) else weights
    given = (numbers, settings.means_init, settings.responsibilities_init)
    return any(each is not None for each in given)


def find_starts(
    settings: Any,
    objective: Objective,
    table: Table,
    weight: Any,
    allowed: Any = None,
    responsibilities: Any = None,
    box: Noise | None = None,
) -> Iterator[MixtureParameters]:
    """Yield where EM begins; the parameters are those of `run_starts`."""
    feature_names = table.feature_names
    family = _family(settings, table.n_features)
    X = fill_gaps(table.values, weight, objective.reference, family)
    of_noise, kept, rows = None, slice(None), objective.observations
    row_by_row = settings.noise is not None or responsibilities is not None
    if isinstance(rows, Repeated) and not row_by_row:
        X, weight = rows.distinct.X, rows.distinct.sample_weight
    if settings.noise is not None:
        of_noise = _begin_noise(X, allowed, responsibilities)
        kept = of_noise < 1
    if responsibilities is not None:
        responsibilities = responsibilities[kept, : settings.n_components]
    starts = Starts(
        objective,
        X[kept],
        settings.n_components,
        family,
        feature_names,
        settings.init_params,
        _given(settings, len(feature_names)),
        responsibilities,
        weight if weight is None else weight[kept],
        settings.reg_covar,
    )
    random = check_random_state(settings.random_state)
    entropy = random.randint(2**32, size=4, dtype=np.uint32).tolist()
    drawn = starts.draw(settings.n_init, entropy)
    if allowed is not None and not numbers_components(settings):
        drawn = (match_labels(start, X, allowed) for start in drawn)
        means = known_means(X, weight, allowed)
        if means is not None:  # labelled rows say where every component begins
            told = replace(starts, given=replace(starts.given, means=means))
            drawn = chain(told.draw(1, entropy), drawn)
    if of_noise is None:
        return drawn
    box = find_box(X, settings.noise, weight) if box is None else box
    share = float(np.average(of_noise, weights=weight))
    return (start.add_noise(box, share) for start in drawn)


def _begin_noise(X, allowed, responsibilities):
    """Return the share of every row that is noise to begin with."""
    if responsibilities is not None:
        return responsibilities[:, -1]
    clutter = find_clutter(X)
    if allowed is not None:
        clutter &= allowed.all(axis=1)
    return clutter.astype(np.float64)


def last_fit(settings, feature_names) -> MixtureParameters:
    """Return the last fit to continue from, if it fits the settings."""
    last = settings.parameters_
    noisy = last.noise is not None
    had = (last.n_components, last.n_features, last.covariance_type, noisy)
    name = covariance_family(settings.covariance_type).name
    now = (settings.n_components, len(feature_names), name, settings.noise is not None)
    if had != now:
        raise InputError(
            "warm_start",
            "continue a fit of the same components, features, covariance_type, noise",
            f"{now} after {had}",
            "Fit a new estimator, or set `warm_start=False`.",
        )
    return replace(last, feature_names=feature_names)


def _printer(settings):
    def print_step(n_iter, step):
        if settings.verbose > 1 and n_iter % settings.verbose_interval == 0:
            print(
                f"  step {n_iter}: log-likelihood {step.log_likelihood:.6f}, "
                f"gradient norm {step.gradient_norm:.1e}"
            )

    return print_step
