"""What every kernel needs: the compilers, the block size, exp and log for vectors."""

import numpy as np
from numba import njit

BLOCK = 128  # rows; a constant, so that inner loops need no remainder

_OPTIONS = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
serial = njit(**_OPTIONS)
# Written order of operations: exp and log hide rounding tricks in it.
exact = njit(fastmath={"contract"}, **_OPTIONS)
# Sums in any order, so that they vectorise. No nnan and no ninf: an offset of -inf
# (an empty component) must stay what it is.
_ANY_ORDER = {"contract", "reassoc", "nsz"}
fast = njit(fastmath=_ANY_ORDER, **_OPTIONS)
# Called by kernels only. What takes Python's arguments apart is a third of compiling
# a small function; without it a call from Python would crash.
_INNER = {**_OPTIONS, "no_cpython_wrapper": True}
inner = njit(fastmath={"contract"}, **_INNER)
loop = njit(fastmath=_ANY_ORDER, **_INNER)

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LOG2_E = 1.4426950408889634
_SHIFT = np.int64(52)  # exponent bits of a float64 begin here
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest integer
_SMALLEST = -708.0  # exp below this is flushed to zero


@exact
def exp(x):
    """Return e^x for x <= 709, to 1e-15 relative; zero below -708 and for NaN."""
    # x = n log 2 + r with |r| <= log(2) / 2, e^x = 2^n e^r. The polynomial is the
    # minimax one of degree 11 (Remez, relative error 4e-18).
    shifted = x * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 2.5000056604513257e-08
    p = p * r + 2.7630248336116406e-07
    p = p * r + 2.7557586388429143e-06
    p = p * r + 2.4801493099030417e-05
    p = p * r + 0.00019841269506564
    p = p * r + 0.001388888894362999
    p = p * r + 0.008333333333494468
    p = p * r + 0.04166666666653016
    p = p * r + 0.16666666666666413
    p = p * r + 0.5000000000000011
    p = (p * r) * r + r + 1.0
    bits = np.float64(p).view(np.int64)
    bits += np.float64(shifted).view(np.int64) << _SHIFT
    return np.int64(bits).view(np.float64) if x >= _SMALLEST else 0.0


_U_SHIFT = np.uint64(52)
_SQRT_HALF_BITS = np.uint64(0x3FE6A09E667F3BCD)
_TWO_52, _TWO_52_BITS = 4503599627370496.0, np.uint64(0x4330000000000000)


@exact
def log(x):
    """Return log(x) for finite x >= 1, to 1e-15 relative or absolute."""
    # x = 2^n m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh t with
    # t = (m - 1) / (m + 1): minimax polynomial in t^2 (Remez, relative error 1e-18).
    bits = np.float64(x).view(np.uint64)
    exponent = (bits - _SQRT_HALF_BITS) >> _U_SHIFT
    m = np.uint64(bits - (exponent << _U_SHIFT)).view(np.float64)
    n = np.uint64(exponent | _TWO_52_BITS).view(np.float64) - _TWO_52
    t = (m - 1.0) / (m + 1.0)
    u = t * t
    p = 0.14796106032664633
    p = p * u + 0.15314035770607612
    p = p * u + 0.18183564869481744
    p = p * u + 0.22222198563424087
    p = p * u + 0.2857142874247558
    p = p * u + 0.39999999999414315
    p = p * u + 0.6666666666666734
    return n * _LN2_HIGH + (2.0 * t + (t * u * p + n * _LN2_LOW))
