"""Arrays in, arrays out: the passes over the data. Numba and NumPy only."""
