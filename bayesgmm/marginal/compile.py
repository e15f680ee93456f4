"""The log-posterior of a model as plain functions of one flat vector.

This is what samplers outside PyMC need.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pymc as pm
import pytensor
from pymc.pytensorf import compile as compile_graph
from pytensor.compile.mode import Mode, get_mode
from pytensor.link.numba.dispatch.basic import numba_njit
from pytensor.link.numba.linker import NumbaLinker

from bayesgmm._typing import Floats
from bayesgmm.marginal.constants import as_arguments


class _ReleasingNumbaLinker(NumbaLinker):
    """Numba functions that let other Python threads run: chains are threads."""

    def jit_compile(self, fn_and_cache):
        function, cache_key = fn_and_cache
        return numba_njit(
            function.py_func,
            final_function=True,
            nogil=True,
            cache=cache_key is not None,
        )


@dataclass(frozen=True)
class FlatModel:
    """A PyMC model seen as a function of its flattened free variables.

    Attributes
    ----------
    model : pymc.Model
    """

    model: pm.Model

    @cached_property
    def start(self) -> Floats:
        """The model's initial point."""
        point = self.model.initial_point(0)
        values = [np.ravel(point[v.name]) for v in self.model.value_vars]
        return np.concatenate(values).astype(np.float64)

    @cached_property
    def _pieces(self):
        """Slice and shape of each free variable in the flat vector."""
        point = self.model.initial_point(0)
        shapes = [np.shape(point[v.name]) for v in self.model.value_vars]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        starts = np.concatenate([[0], ends[:-1]])
        return [
            (slice(int(a), int(b)), shape)
            for a, b, shape in zip(starts, ends, shapes, strict=True)
        ]

    def split(self, flat):
        """Cut a flat vector into the free variables, as views."""
        return [flat[piece].reshape(shape) for piece, shape in self._pieces]

    @cached_property
    def _kernel(self):
        """The compiled log-posterior and gradient, and the numbers that it takes."""
        values = self.model.value_vars
        with self.model:
            value = as_arguments(self.model.logp())
            gradients = pytensor.grad(value, values)
            rewrites = get_mode("NUMBA").provided_optimizer
            mode = Mode(linker=_ReleasingNumbaLinker(), optimizer=rewrites)
            function = compile_graph(values, [value, *gradients], mode=mode)
        return function.vm.jit_fn, function.get_shared()

    def log_posterior(self):
        """Compile the log-posterior and its gradient, for the data as they are now.

        Other data of the same shape, by `pymc.set_data`, need no second compilation.

        Returns
        -------
        function
            ``f(flat) -> (float, gradient)``; it releases the interpreter lock and may
            be called from several threads.
        """
        kernel, variables = self._kernel
        shared = [variable.get_value() for variable in variables]
        split = self.split
        kernel(*split(self.start), *shared)  # compile now, not inside a sampler

        def log_posterior(flat):
            value, *parts = kernel(*split(flat), *shared)
            return float(value), np.concatenate([part.ravel() for part in parts])

        return log_posterior

    def quantities(self, variables):
        """Compile everything that is read off a draw.

        Parameters
        ----------
        variables : list of random variables or deterministic quantities

        Returns
        -------
        function
            ``f(flat) -> list of arrays``: values of free and deterministic variables,
            log-likelihoods of the rows of observed ones.
        """
        model = self.model
        observed = [v for v in variables if v in model.observed_RVs]
        with model:
            values = model.replace_rvs_by_values(
                [v for v in variables if v not in model.observed_RVs]
            )
            rows = model.logp(vars=observed, sum=False) if observed else []
            # One pass over a few thousand draws: compiling would take longer.
            function = compile_graph(
                model.value_vars,
                [*values, *rows],
                mode="FAST_COMPILE",
                on_unused_input="ignore",
            )
        return lambda flat: function(*self.split(flat))
