"""Register tiles: the inner loops of the pass, four features by four.

A block of rows lies feature-major in one flat array: feature i of row n is at
``i * BLOCK + n``. Features are padded with zeros to an even number, three to four. The
loops run over the rows of the block, and that is what LLVM vectorises. A row of
statistics costs as many additions as multiplications, so the sums stay in registers.
"""

from bayesgmm.kernels.elementary import BLOCK, loop

B, B2, B3 = BLOCK, 2 * BLOCK, 3 * BLOCK


@loop
def centre(x, mean, d):
    """Fill d = x - mean, all features."""
    for i in range(len(mean)):
        xi, di, m = x[i * B : (i + 1) * B], d[i * B : (i + 1) * B], mean[i]
        for n in range(B):
            di[n] = xi[n] - m


@loop
def square_two(x, mean, p, q):
    """Fill q = |(x - mean) p|^2 for two features."""
    m0, m1, p00, p01, p11 = mean[0], mean[1], p[0, 0], p[0, 1], p[1, 1]
    for n in range(B):
        d0 = x[n] - m0
        d1 = x[n + B] - m1
        z0 = d0 * p00
        z1 = d0 * p01 + d1 * p11
        q[n] = z0 * z0 + z1 * z1


@loop
def square_four(x, mean, p, q):
    """Fill q = |(x - mean) p|^2 for four features."""
    m0, m1, m2, m3 = mean[0], mean[1], mean[2], mean[3]
    p00, p01, p02, p03 = p[0, 0], p[0, 1], p[0, 2], p[0, 3]
    p11, p12, p13 = p[1, 1], p[1, 2], p[1, 3]
    p22, p23, p33 = p[2, 2], p[2, 3], p[3, 3]
    for n in range(B):
        d0 = x[n] - m0
        d1 = x[n + B] - m1
        d2 = x[n + B2] - m2
        d3 = x[n + B3] - m3
        z0 = d0 * p00
        z1 = d0 * p01 + d1 * p11
        z2 = d0 * p02 + d1 * p12 + d2 * p22
        z3 = d0 * p03 + d1 * p13 + d2 * p23 + d3 * p33
        q[n] = (z0 * z0 + z1 * z1) + (z2 * z2 + z3 * z3)


@loop
def project_first(d, p, j, z):
    """Fill z, the projections of columns j..j+3, with features 0..3."""
    p00, p01, p02, p03 = p[0, j], p[0, j + 1], p[0, j + 2], p[0, j + 3]
    p10, p11, p12, p13 = p[1, j], p[1, j + 1], p[1, j + 2], p[1, j + 3]
    p20, p21, p22, p23 = p[2, j], p[2, j + 1], p[2, j + 2], p[2, j + 3]
    p30, p31, p32, p33 = p[3, j], p[3, j + 1], p[3, j + 2], p[3, j + 3]
    for n in range(B):
        d0, d1, d2, d3 = d[n], d[n + B], d[n + B2], d[n + B3]
        z[n] = d0 * p00 + d1 * p10 + d2 * p20 + d3 * p30
        z[n + B] = d0 * p01 + d1 * p11 + d2 * p21 + d3 * p31
        z[n + B2] = d0 * p02 + d1 * p12 + d2 * p22 + d3 * p32
        z[n + B3] = d0 * p03 + d1 * p13 + d2 * p23 + d3 * p33


@loop
def project_tile(d, p, i, j, z):
    """Add features i..i+3 to the projections z of columns j..j+3."""
    d = d[i * B : (i + 4) * B]
    p00, p01, p02, p03 = p[i, j], p[i, j + 1], p[i, j + 2], p[i, j + 3]
    p10, p11, p12, p13 = p[i + 1, j], p[i + 1, j + 1], p[i + 1, j + 2], p[i + 1, j + 3]
    p20, p21, p22, p23 = p[i + 2, j], p[i + 2, j + 1], p[i + 2, j + 2], p[i + 2, j + 3]
    p30, p31, p32, p33 = p[i + 3, j], p[i + 3, j + 1], p[i + 3, j + 2], p[i + 3, j + 3]
    for n in range(B):
        d0, d1, d2, d3 = d[n], d[n + B], d[n + B2], d[n + B3]
        z[n] += d0 * p00 + d1 * p10 + d2 * p20 + d3 * p30
        z[n + B] += d0 * p01 + d1 * p11 + d2 * p21 + d3 * p31
        z[n + B2] += d0 * p02 + d1 * p12 + d2 * p22 + d3 * p32
        z[n + B3] += d0 * p03 + d1 * p13 + d2 * p23 + d3 * p33


@loop
def square_tile(d, p, i, z, q):
    """Finish the projections of columns i..i+3, add their squares to q."""
    d = d[i * B : (i + 4) * B]
    p00, p01, p02, p03 = p[i, i], p[i, i + 1], p[i, i + 2], p[i, i + 3]
    p11, p12, p13 = p[i + 1, i + 1], p[i + 1, i + 2], p[i + 1, i + 3]
    p22, p23, p33 = p[i + 2, i + 2], p[i + 2, i + 3], p[i + 3, i + 3]
    for n in range(B):
        d0, d1, d2, d3 = d[n], d[n + B], d[n + B2], d[n + B3]
        z0 = z[n] + d0 * p00
        z1 = z[n + B] + d0 * p01 + d1 * p11
        z2 = z[n + B2] + d0 * p02 + d1 * p12 + d2 * p22
        z3 = z[n + B3] + d0 * p03 + d1 * p13 + d2 * p23 + d3 * p33
        q[n] += (z0 * z0 + z1 * z1) + (z2 * z2 + z3 * z3)


@loop
def project_pair(d, p, i, j, z):
    """Add features i..i+3 to the projections z of columns j and j+1."""
    d = d[i * B : (i + 4) * B]
    p00, p10, p20, p30 = p[i, j], p[i + 1, j], p[i + 2, j], p[i + 3, j]
    p01, p11, p21, p31 = p[i, j + 1], p[i + 1, j + 1], p[i + 2, j + 1], p[i + 3, j + 1]
    for n in range(B):
        d0, d1, d2, d3 = d[n], d[n + B], d[n + B2], d[n + B3]
        z[n] += d0 * p00 + d1 * p10 + d2 * p20 + d3 * p30
        z[n + B] += d0 * p01 + d1 * p11 + d2 * p21 + d3 * p31


@loop
def square_pair(d, p, i, z, q):
    """Finish the projections of columns i and i+1, add their squares to q."""
    d = d[i * B : (i + 2) * B]
    p00, p01, p11 = p[i, i], p[i, i + 1], p[i + 1, i + 1]
    for n in range(B):
        z0 = z[n] + d[n] * p00
        z1 = z[n + B] + d[n] * p01 + d[n + B] * p11
        q[n] += z0 * z0 + z1 * z1


@loop
def moments_two(x, mean, joint, inverse, sums, outer):
    """Add sums and outer products of two features, weighted; return the weight."""
    m0, m1 = mean[0], mean[1]
    s = s0 = s1 = s00 = s01 = s11 = 0.0
    for n in range(B):
        r = joint[n] * inverse[n]
        d0 = x[n] - m0
        d1 = x[n + B] - m1
        w0 = d0 * r
        w1 = d1 * r
        s += r
        s0 += w0
        s1 += w1
        s00 += w0 * d0
        s01 += w0 * d1
        s11 += w1 * d1
    sums[0] += s0
    sums[1] += s1
    outer[0, 0] += s00
    outer[0, 1] += s01
    outer[1, 1] += s11
    return s


@loop
def weigh(x, mean, r, d, w, sums):
    """Fill d = x - mean and w = r d; add the sums of w."""
    for i in range(len(mean)):
        part = slice(i * B, (i + 1) * B)
        xi, di, wi, m = x[part], d[part], w[part], mean[i]
        total = 0.0
        for n in range(B):
            centred = xi[n] - m
            di[n] = centred
            wi[n] = centred * r[n]
            total += wi[n]
        sums[i] += total


@loop
def moments_of_row(x, mean, r, d, sums, outer):
    """Add the moments of one row, weighted by r: a full square, which has no ends."""
    width = len(mean)
    for i in range(width):
        d[i] = x[i * B] - mean[i]
    for i in range(width):
        w, row = r * d[i], outer[i]
        sums[i] += w
        for j in range(width):
            row[j] += w * d[j]


@loop
def outer_tile(d, w, i, j, outer):
    """Add products of features i..i+3 with weighted features j..j+3."""
    a, b = d[i * B : (i + 4) * B], w[j * B : (j + 4) * B]
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = 0.0
    for n in range(B):
        a0, a1, a2, a3 = a[n], a[n + B], a[n + B2], a[n + B3]
        b0, b1, b2, b3 = b[n], b[n + B], b[n + B2], b[n + B3]
        s00, s01, s02, s03 = s00 + a0 * b0, s01 + a0 * b1, s02 + a0 * b2, s03 + a0 * b3
        s10, s11, s12, s13 = s10 + a1 * b0, s11 + a1 * b1, s12 + a1 * b2, s13 + a1 * b3
        s20, s21, s22, s23 = s20 + a2 * b0, s21 + a2 * b1, s22 + a2 * b2, s23 + a2 * b3
        s30, s31, s32, s33 = s30 + a3 * b0, s31 + a3 * b1, s32 + a3 * b2, s33 + a3 * b3
    _add_row(outer[i], j, s00, s01, s02, s03)
    _add_row(outer[i + 1], j, s10, s11, s12, s13)
    _add_row(outer[i + 2], j, s20, s21, s22, s23)
    _add_row(outer[i + 3], j, s30, s31, s32, s33)


@loop
def outer_pair(d, w, i, j, outer):
    """Add products of features i..i+3 with weighted features j and j+1."""
    a, b = d[i * B : (i + 4) * B], w[j * B : (j + 2) * B]
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = 0.0
    for n in range(B):
        a0, a1, a2, a3 = a[n], a[n + B], a[n + B2], a[n + B3]
        b0, b1 = b[n], b[n + B]
        s00, s01 = s00 + a0 * b0, s01 + a0 * b1
        s10, s11 = s10 + a1 * b0, s11 + a1 * b1
        s20, s21 = s20 + a2 * b0, s21 + a2 * b1
        s30, s31 = s30 + a3 * b0, s31 + a3 * b1
    _add_pair(outer[i], j, s00, s01)
    _add_pair(outer[i + 1], j, s10, s11)
    _add_pair(outer[i + 2], j, s20, s21)
    _add_pair(outer[i + 3], j, s30, s31)


@loop
def outer_pair_triangle(d, w, i, outer):
    """Add products of features i and i+1 with each other, upper triangle."""
    a, b = d[i * B : (i + 2) * B], w[i * B : (i + 2) * B]
    s00 = s01 = s11 = 0.0
    for n in range(B):
        b0, b1 = b[n], b[n + B]
        s00, s01, s11 = s00 + a[n] * b0, s01 + a[n] * b1, s11 + a[n + B] * b1
    _add_pair(outer[i], i, s00, s01)
    _add_pair(outer[i + 1], i, 0.0, s11)


@loop
def _add_pair(row, j, s0, s1):
    row[j] += s0
    row[j + 1] += s1


@loop
def outer_triangle(d, w, i, outer):
    """Add products of features i..i+3 with one another, upper triangle."""
    a, b = d[i * B : (i + 4) * B], w[i * B : (i + 4) * B]
    s00 = s01 = s02 = s03 = s11 = s12 = s13 = s22 = s23 = s33 = 0.0
    for n in range(B):
        a0, a1, a2, a3 = a[n], a[n + B], a[n + B2], a[n + B3]
        b0, b1, b2, b3 = b[n], b[n + B], b[n + B2], b[n + B3]
        s00, s01, s02, s03 = s00 + a0 * b0, s01 + a0 * b1, s02 + a0 * b2, s03 + a0 * b3
        s11, s12, s13 = s11 + a1 * b1, s12 + a1 * b2, s13 + a1 * b3
        s22, s23, s33 = s22 + a2 * b2, s23 + a2 * b3, s33 + a3 * b3
    _add_row(outer[i], i, s00, s01, s02, s03)
    _add_row(outer[i + 1], i, 0.0, s11, s12, s13)
    _add_row(outer[i + 2], i, 0.0, 0.0, s22, s23)
    _add_row(outer[i + 3], i, 0.0, 0.0, 0.0, s33)


@loop
def _add_row(row, j, s0, s1, s2, s3):
    row[j] += s0
    row[j + 1] += s1
    row[j + 2] += s2
    row[j + 3] += s3
