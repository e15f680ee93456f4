"""PyTensor Ops for shapes and orientations of axes."""

from functools import reduce

import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply

from bayesgmm.kernels import cholesky, orientations, simplex
from bayesgmm.marginal.ops import KernelOp, as_floats, register


class PullbackOp(KernelOp):
    """A gradient: shaped like the first inputs."""

    n_outputs = 1

    def make_node(self, *inputs):
        inputs = as_floats(*inputs)
        return Apply(self, inputs, [v.type() for v in inputs[: self.n_outputs]])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return list(shapes[: self.n_outputs])


class _Factors(KernelOp):
    """Volumes and two more parts to lower factors, of as many components as any."""

    def make_node(self, *parts):
        inputs = as_floats(*parts)
        lengths, d = [v.type.shape[0] for v in inputs], inputs[1].type.shape[1]
        k = None if None in lengths else max(lengths)
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=(k, d, d))])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        k, d = reduce(pt.maximum, [shape[0] for shape in shapes]), shapes[1][1]
        return [(k, d, d)]


@register
class FactorsOfVolumes(_Factors):
    kernel = staticmethod(cholesky.factors_of_volumes)

    def pullback(self, inputs, outputs, cotangents):
        return factors_of_volumes_pullback(*inputs, *outputs, *cotangents)


@register
class FactorsOfVolumesPullback(PullbackOp):
    kernel = staticmethod(cholesky.factors_of_volumes_pullback)
    n_outputs = 3


@register
class FactorsAlongAxes(_Factors):
    kernel = staticmethod(orientations.factors_along_axes)

    def pullback(self, inputs, outputs, cotangents):
        return factors_along_axes_pullback(*inputs, *outputs, *cotangents)


@register
class FactorsAlongAxesPullback(PullbackOp):
    kernel = staticmethod(orientations.factors_along_axes_pullback)
    n_outputs = 3


@register
class ShapesFromContrasts(KernelOp):
    """Contrasts (n, d - 1) to numbers of product one (n, d)."""

    kernel = staticmethod(simplex.shapes_from_contrasts)

    def make_node(self, contrasts):
        inputs = as_floats(contrasts)
        n, m = inputs[0].type.shape
        shape = (n, None if m is None else m + 1)
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(shapes[0][0], shapes[0][1] + 1)]

    def pullback(self, inputs, outputs, cotangents):  # noqa: ARG002
        return [shapes_from_contrasts_pullback(outputs[0], cotangents[0])]


@register
class ShapesFromContrastsPullback(KernelOp):
    kernel = staticmethod(simplex.shapes_from_contrasts_pullback)

    def make_node(self, shapes, cotangent):
        inputs = as_floats(shapes, cotangent)
        n, d = inputs[0].type.shape
        shape = (n, None if d is None else d - 1)
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [(shapes[0][0], shapes[0][1] - 1)]


@register
class Cayley(KernelOp):
    """Skews (n, pairs) and bases (n, d, d) to rotations and log-determinants (n,)."""

    kernel = staticmethod(orientations.cayley)

    def make_node(self, skews, bases):
        inputs = as_floats(skews, bases)
        logs = pt.tensor(dtype="float64", shape=inputs[1].type.shape[:1])
        return Apply(self, inputs, [inputs[1].type(), logs])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        return [shapes[1], shapes[1][:1]]

    def pullback(self, inputs, outputs, cotangents):
        cotangents = [
            pt.zeros_like(x) if isinstance(g.type, DisconnectedType) else g
            for g, x in zip(cotangents, outputs, strict=True)
        ]
        in_skews = cayley_pullback(*inputs, outputs[0], *cotangents)
        return [in_skews, grad_not_implemented(self, 1, inputs[1])]


@register
class CayleyPullback(PullbackOp):
    kernel = staticmethod(orientations.cayley_pullback)


@register
class SkewsOf(KernelOp):
    """Undo `Cayley`; only where chains begin, so without a gradient."""

    kernel = staticmethod(orientations.skews_of)

    def make_node(self, rotations, bases):
        inputs = as_floats(rotations, bases)
        n, d = inputs[1].type.shape[:2]
        shape = (n, None if d is None else d * (d - 1) // 2)
        return Apply(self, inputs, [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node, shapes):  # noqa: ARG002
        n, d = shapes[1][:2]
        return [(n, d * (d - 1) // 2)]


factors_of_volumes = FactorsOfVolumes()
factors_of_volumes_pullback = FactorsOfVolumesPullback()
factors_along_axes = FactorsAlongAxes()
factors_along_axes_pullback = FactorsAlongAxesPullback()
shapes_from_contrasts = ShapesFromContrasts()
shapes_from_contrasts_pullback = ShapesFromContrastsPullback()
cayley, cayley_pullback = Cayley(), CayleyPullback()
skews_of = SkewsOf()
