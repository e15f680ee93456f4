"""A PyMC model as a density of flat, unconstrained vectors."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
from pymc.pytensorf import compile as compile_graph
from pytensor.graph.replace import graph_replace

from bayesgmm._typing import Floats
from bayesgmm.errors import InputError
from bayesgmm.marginal.compile import FlatModel


@dataclass(frozen=True)
class ModelDensity:
    """The joint density of a model's data and its free variables.

    Attributes
    ----------
    model : pymc.Model
    """

    model: pm.Model

    @property
    def names(self) -> list[str]:
        """Names of the free variables."""
        return [variable.name for variable in self.model.free_RVs]

    @cached_property
    def _log_posterior(self):
        return FlatModel(self.model).log_posterior()

    @cached_property
    def _free(self) -> Any:
        """The function from variables to what samplers move in."""
        model = self.model
        inputs = {rv: rv.clone(name=rv.name) for rv in model.free_RVs}
        outputs = [
            inputs[rv]
            if model.rvs_to_transforms[rv] is None
            else model.rvs_to_transforms[rv].forward(inputs[rv], *rv.owner.inputs)
            for rv in model.free_RVs
        ]
        outputs = graph_replace(outputs, inputs, strict=False)
        return compile_graph(
            list(inputs.values()),
            outputs,
            mode="FAST_COMPILE",
            on_unused_input="ignore",
        )

    def flatten(self, values: dict[str, Floats]) -> Floats:
        """Return variables (n, ...) as vectors of shape (n, n_free)."""
        draws = zip(*(values[name] for name in self.names), strict=True)
        return np.array(
            [np.concatenate([np.ravel(x) for x in self._free(*draw)]) for draw in draws]
        )

    def log_density(self, flat: Floats) -> Floats:
        """Return log p(data, vector), of shape (n,)."""
        return np.array([self._log_posterior(vector)[0] for vector in flat])


def model_density(model: Any) -> ModelDensity:
    """Return the density of a PyMC model, refused if it is none."""
    if isinstance(model, pm.Model):
        return ModelDensity(model)
    raise InputError(
        "model",
        "be a pymc.Model",
        type(model).__name__,
        "Make one with `build_model(X, n_components)`.",
    )
