"""What NumPyro and BlackJAX see of a posterior: a function of JAX, by the device.

On a processor they call the compiled kernels, which are several times quicker there
than XLA and the same to the last bit as for every other sampler. On an accelerator the
model itself is turned into JAX.
"""

from collections.abc import Callable

import jax
import numpy as np

from bayesgmm.marginal.nuts import View


def in_jax(view: View) -> Callable:
    """Return the log-density as a differentiable function of JAX.

    JAX computes in double precision from then on, as it does where PyTensor uses it: a
    setting of one thread only would not reach the threads that call back.
    """
    jax.config.update("jax_enable_x64", True)
    return FORMS.get(jax.default_backend(), as_graph)(view)


def called_back(view: View) -> Callable:
    """Return a function that calls the compiled log-posterior from inside JAX."""

    def call(y):
        value, gradient = view(np.asarray(y))
        return np.float64(value), np.asarray(gradient)

    def value_and_gradient(y):
        shapes = [jax.ShapeDtypeStruct(shape, y.dtype) for shape in ((), y.shape)]
        return jax.pure_callback(call, tuple(shapes), y, vmap_method="sequential")

    @jax.custom_vjp
    def log_density(y):
        return value_and_gradient(y)[0]

    log_density.defvjp(value_and_gradient, lambda gradient, by: (by * gradient,))
    return log_density


def as_graph(view: View) -> Callable:
    """Return the model's own log-posterior, every Op of it in JAX."""
    from pymc.sampling.jax import get_jaxified_logp

    log_posterior = get_jaxified_logp(view.flat.model)

    def log_density(y):
        return log_posterior(view.flat.split(view.centre + view.root @ y))

    return log_density


# By the device that JAX prefers; `as_graph` on all others.
FORMS = {"cpu": called_back}
