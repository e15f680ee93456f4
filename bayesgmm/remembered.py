"""Fits that a file remembers: what they tell it, and passes that are read from it."""

import json
import numbers
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from bayesgmm._typing import Quadratics, SufficientStatistics
from bayesgmm.checkpoint import Checkpoint
from bayesgmm.observations import Kernel, Observations
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective

MAY_DIFFER = {
    "checkpoint",
    "max_iter",
    "random_state",
    "verbose",
    "verbose_interval",
    "warm_start",
}
"""Settings that change which passes are taken, or what is said of them, and no pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """Observations whose passes are kept in a file.

    Attributes
    ----------
    observations : Observations
    checkpoint : Checkpoint
    """

    observations: Observations
    checkpoint: Checkpoint

    @property
    def n_rows(self) -> int:
        return self.observations.n_rows

    @property
    def n_observations(self) -> float:
        return self.observations.n_observations

    def expect(
        self, at: MixtureParameters, quadratics: Quadratics
    ) -> tuple[float, SufficientStatistics]:
        def compute():
            log_likelihood, moments = self.observations.expect(at, quadratics)
            return {"log_likelihood": log_likelihood, **moments._asdict()}

        arguments = (at.weights, at.means, at.covariances, *quadratics)
        found = dict(self.checkpoint.recall("pass", arguments, compute))
        return float(found.pop("log_likelihood")), SufficientStatistics(**found)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        return self.observations.each(kernel, at)


def remember(objective: Objective, checkpoint: Checkpoint) -> Objective:
    """Return an objective whose passes a checkpoint keeps."""
    observations = Remembered(objective.observations, checkpoint)
    return replace(objective, observations=observations)


def write_mixtures(mixtures: Iterable[MixtureParameters]) -> dict[str, str]:
    """Return mixtures as a checkpoint keeps them, to the last digit."""
    return {"mixtures": json.dumps([each.to_dict() for each in mixtures])}


def read_mixtures(found: Mapping[str, Any]) -> list[MixtureParameters]:
    """Undo `write_mixtures`."""
    mixtures = json.loads(str(found["mixtures"]))
    return [MixtureParameters.from_dict(each) for each in mixtures]


def tell_settings(settings: Any) -> dict[str, Any]:
    """Return the settings of an estimator that must be those of the file."""
    given, random = settings.get_params(deep=False), settings.random_state
    told = {name: x for name, x in given.items() if name not in MAY_DIFFER}
    return told | {"random_state": random if _is_number(random) else "drawn"}


def settle(settings: Any, checkpoint: Checkpoint) -> Any:
    """Return the settings with a seed for `random_state`, that of the first try."""
    if settings.checkpoint is None or _is_number(settings.random_state):
        return settings
    settled = copy(settings)
    settled.random_state = checkpoint.seed(settings.random_state)
    return settled


def _is_number(random_state):
    return isinstance(random_state, numbers.Integral)
