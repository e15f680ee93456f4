"""The log-posterior of a model as plain functions of one flat vector.

This is what samplers outside PyMC need.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pymc as pm
import pytensor
from pymc.pytensorf import compile as compile_graph
from pytensor.compile.mode import Mode, get_mode
from pytensor.link.numba.dispatch.basic import numba_njit
from pytensor.link.numba.linker import NumbaLinker

from bayesgmm._typing import Floats
from bayesgmm.checkpoint import Checkpoint
from bayesgmm.marginal.constants import as_arguments
from bayesgmm.marginal.kept_values import remember, remember_many
from bayesgmm.marginal.lazy import ApartPosterior, take_apart


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
    checkpoint : Checkpoint
        What keeps values of the log-posterior.
    """

    model: pm.Model
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

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

    def _compile(self, inputs, outputs):
        """Return a compiled function, and the numbers that it takes besides."""
        rewrites = get_mode("NUMBA").provided_optimizer
        mode = Mode(linker=_ReleasingNumbaLinker(), optimizer=rewrites)
        function = compile_graph(inputs, outputs, mode=mode)
        return function.vm.jit_fn, function.get_shared()

    @cached_property
    def _kernel(self):
        """The compiled log-posterior and gradient, and the likelihood if it is apart.

        If it is, its slopes are inputs, and its parameters the last outputs.
        """
        values = self.model.value_vars
        with self.model:
            value = as_arguments(self.model.logp())
            apart = take_apart(value)
            slopes, parameters = [], []
            if apart is not None:
                value, slopes, parameters = apart.value, apart.slopes, apart.parameters
            outputs = [value, *pytensor.grad(value, values), *parameters]
            return *self._compile([*values, *slopes], outputs), apart

    def log_posterior(self, rows=None):
        """Compile the log-posterior and its gradient, for the data as they are now.

        Other data of the same shape, by `pymc.set_data`, need no second compilation.

        Parameters
        ----------
        rows : Held, optional
            In place of the model's own, if these are lazy.

        Returns
        -------
        function
            ``f(flat) -> (float, gradient)``; it releases the interpreter lock and may
            be called from several threads. Values that the checkpoint keeps are not
            computed again.
        """
        if rows is not None:
            return self._apart(rows).log_posterior
        return remember(self._log_posterior(), self.start, self.checkpoint)

    def log_posteriors(self):
        """Return a function that yields the log-posteriors of vectors, in order.

        Those of lazy rows all come from one pass.
        """
        if self._kernel[-1] is not None:
            return remember_many(self._apart().log_posteriors, self.checkpoint)
        log_posterior = self.log_posterior()
        return lambda values: (log_posterior(flat)[0] for flat in values)

    def _log_posterior(self):
        if self._kernel[-1] is not None:
            return self._apart().log_posterior
        kernel, variables, _ = self._kernel
        shared = [variable.get_value() for variable in variables]
        split = self.split
        kernel(*split(self.start), *shared)  # compile now, not inside a sampler

        def log_posterior(flat):
            value, *parts = kernel(*split(flat), *shared)
            return float(value), np.concatenate([part.ravel() for part in parts])

        return log_posterior

    def _apart(self, rows=None) -> ApartPosterior:
        kernel, variables, apart = self._kernel
        shared = [variable.get_value() for variable in variables]
        own = apart if rows is None else replace(apart, chunks=rows)
        posterior = ApartPosterior(kernel, shared, self.split, own)
        posterior.prior(self.start)  # compile now, not inside a sampler
        return posterior

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
