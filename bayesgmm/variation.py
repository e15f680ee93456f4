"""How the parameters of a fit vary together, as far as its rows tell."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.charts import Chart
from bayesgmm.information import Information

# Share of a direction's information that is left once components are not known. EM
# gains this share a step, so a fit that converged has more.
IDENTIFIED_ABOVE = 1e-9
# A quantity whose gradient has a larger share along such a direction has no error.
TOUCHED_ABOVE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """How the coordinates of all components vary together.

    Attributes
    ----------
    half : array of shape (n_components, n_coordinates, n)
        A square root: the variance is ``half @ half.T``.
    blind : array of shape (n_components, n_coordinates, m)
        Directions that the rows do not identify.
    unit : array of shape (n_components, n_coordinates, n_parameters)
        Steps that are one standard error if components are known.
    distance : float
        From the maximum, in standard errors.
    """

    half: Floats
    blind: Floats
    unit: Floats
    distance: float

    def error(self, move: Callable[[Floats], Floats]) -> Floats:
        """Return standard errors of what `move` makes of coordinates, linearly.

        Parameters
        ----------
        move : callable
            (n_components, n_coordinates, n) -> (..., n), for any n.
        """
        error = np.linalg.norm(move(self.half), axis=-1)
        if not self.blind.size:
            return error
        lost = np.linalg.norm(move(self.blind), axis=-1)
        whole = np.linalg.norm(move(self.unit), axis=-1)
        return np.where(lost > TOUCHED_ABOVE * whole, np.nan, error)


def variation_of(information: Information, chart: Chart, kind: str) -> Variation:
    """Return the variation by one of `KINDS`."""
    known = information.complete > 0
    step = 1.0 / np.sqrt(np.where(known, information.complete, 1.0))
    scaled = Information(
        information.gradient * step,
        information.observed * np.outer(step, step),
        information.scores * np.outer(step, step),
        information.complete,
    )
    half, blind = KINDS[kind](scaled)
    root, _ = _invert(scaled.observed)
    unit = chart.jacobian * step
    distance = float(np.linalg.norm(scaled.gradient @ root))
    return Variation(unit @ half, unit @ blind, unit, distance)


def _invert(matrix):
    """Return a square root of the inverse, and the directions that have none."""
    values, vectors = np.linalg.eigh(matrix)
    good = values > IDENTIFIED_ABOVE
    return vectors[:, good] / np.sqrt(values[good]), vectors[:, ~good]


def _sandwich(information: Information):
    bread, blind = _invert(information.observed)
    values, vectors = np.linalg.eigh(bread.T @ information.scores @ bread)
    return bread @ (vectors * np.sqrt(np.maximum(values, 0.0))), blind


KINDS: dict[str, Callable[[Information], tuple[Floats, Floats]]] = {
    "information": lambda information: _invert(information.observed),
    "sandwich": _sandwich,
    "score": lambda information: _invert(information.scores),
}
