"""TIFF files written from the specification (TIFF 6.0, GeoTIFF 1.1); no Pillow."""

import struct
import zlib

import numpy as np

SHORT, LONG, DOUBLE, ASCII = 3, 4, 12, 2
FORMATS = {SHORT: "H", LONG: "I", DOUBLE: "d"}
KINDS = {"u": 1, "i": 2, "f": 3}


def entry(order, number, kind, values):
    """Return number, type, count and bytes of a tag."""
    if kind == ASCII:
        data = values.encode() + b"\0"
        return number, kind, len(data), data
    values = np.atleast_1d(values).tolist()
    data = struct.pack(f"{order}{len(values)}{FORMATS[kind]}", *values)
    return number, kind, len(values), data


def write(
    path,
    values,
    *,
    order="<",
    deflate=False,
    predictor=1,
    planar=1,
    tile=None,
    strip=None,
    photometric=1,
    more=(),
    pages=1,
):
    """Write an array (height, width, n_bands), `pages` times, each one larger."""
    body = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 42))
    body += bytes(4)
    link = 4
    for page in range(pages):
        now = values + values.dtype.type(page)
        height, width, n_bands = now.shape
        rows, columns = tile or (strip or height, width)
        planes = [now[..., [b]] for b in range(n_bands)] if planar == 2 else [now]
        offsets, sizes = [], []
        for plane in planes:
            for y in range(0, height, rows):
                for x in range(0, width, columns):
                    part = plane[y : y + rows, x : x + columns]
                    if tile:
                        full = np.zeros((rows, columns, part.shape[2]), part.dtype)
                        full[: part.shape[0], : part.shape[1]] = part
                        part = full
                    if predictor == 2:
                        first = part[:, :1]
                        part = np.concatenate([first, np.diff(part, axis=1)], axis=1)
                    data = part.astype(part.dtype.newbyteorder(order)).tobytes()
                    data = zlib.compress(data) if deflate else data
                    offsets.append(len(body))
                    sizes.append(len(data))
                    body += data
        bits, kind = 8 * now.dtype.itemsize, KINDS[now.dtype.kind]
        places, lengths = (324, 325) if tile else (273, 279)
        tags = [
            entry(order, 256, LONG, width),
            entry(order, 257, LONG, height),
            entry(order, 258, SHORT, [bits] * n_bands),
            entry(order, 259, SHORT, 8 if deflate else 1),
            entry(order, 262, SHORT, photometric),
            entry(order, places, LONG, offsets),
            entry(order, 277, SHORT, n_bands),
            entry(order, lengths, LONG, sizes),
            entry(order, 284, SHORT, planar),
            entry(order, 317, SHORT, predictor),
            entry(order, 339, SHORT, [kind] * n_bands),
            *[entry(order, *each) for each in more],
        ]
        if tile:
            tags += [entry(order, 322, LONG, columns), entry(order, 323, LONG, rows)]
        else:
            tags += [entry(order, 278, LONG, rows)]
        directory = struct.pack(order + "H", len(tags))
        place = len(body) + 2 + 12 * len(tags) + 4
        spill = b""
        for number, kind, count, data in sorted(tags):
            directory += struct.pack(order + "HHI", number, kind, count)
            if len(data) <= 4:
                directory += data.ljust(4, b"\0")
            else:
                directory += struct.pack(order + "I", place + len(spill))
                spill += data + bytes(len(data) % 2)
        body[link : link + 4] = struct.pack(order + "I", len(body))
        link = len(body) + len(directory)
        body += directory + bytes(4) + spill
    path.write_bytes(bytes(body))
