"""Pictures as SVG, made here: cheap, without text of their own, stretched by the page's style.

Colours are classes of the page's style, so that they follow dark mode and print.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archive_tools.core.arrays import Float64

WIDTH, HEIGHT = 1000.0, 100.0
SHADES = 64
"""Colours of a map."""
LOW, HIGH = (0xE8, 0xF1, 0xFA), (0x08, 0x30, 0x6B)
ABSENT = (0xB0, 0x8A, 0x8A)
"""Colour of what nobody measured."""


@dataclass(frozen=True)
class Line:
    """A line with its band; NaN where nobody measured.

    Attributes
    ----------
    colour : str
        A class of the page's style.
    mean, low, high : float64 (bins,)
    """

    colour: str
    mean: Float64
    low: Float64
    high: Float64


def curves(lines: Sequence[Line], top: float, marked: tuple[float, float] | None = None) -> str:
    """Lines over time, each with the band between its least and largest value.

    Parameters
    ----------
    lines : sequence of Line
    top : float
        Value of the upper edge, above 0.
    marked : (float, float), optional
        A part of the width with another background, as shares of it.
    """
    behind = ""
    if marked:
        left, right = (WIDTH * share for share in marked)
        behind = f'<path class="during" d="M{left:.1f} 0H{right:.1f}V{HEIGHT:g}H{left:.1f}Z"/>'
    parts = [_band(line, top) for line in lines] + [_line(line, top) for line in lines]
    grid = "".join(f'<path class="grid" d="M0 {y}H{WIDTH:g}"/>' for y in (25, 50, 75))
    return _svg(behind + grid + "".join(parts))


def bars(values: Sequence[float], top: float, *, marked: int = -1) -> str:
    """A bar a value, the marked one in another colour; none where the value is NaN."""
    width = WIDTH / max(1, len(values))
    grid = "".join(f'<path class="grid" d="M0 {y}H{WIDTH:g}"/>' for y in (25, 50, 75))
    gap = min(0.2 * width, 4.0)
    parts = [
        f'<rect class="{"c1" if number == marked else "c0"}" x="{number * width:.1f}"'
        f' y="{_y(value, top)}" width="{width - gap:.1f}"'
        f' height="{HEIGHT - float(_y(value, top)):.2f}"/>'
        for number, value in enumerate(values)
        if not math.isnan(value)
    ]
    return _svg(grid + "".join(parts))


def stacked(rows: Sequence[Sequence[float]], top: float, colours: Sequence[str]) -> str:
    """A bar a row, of parts that lie on each other."""
    width = WIDTH / max(1, len(rows))
    parts = []
    for number, row in enumerate(rows):
        below = 0.0
        for value, colour in zip(row, colours, strict=True):
            height = HEIGHT * value / top
            parts.append(
                f'<rect class="{colour}" x="{number * width:.1f}" y="{HEIGHT - below - height:.2f}"'
                f' width="{width * 0.85:.2f}" height="{height:.2f}"/>'
            )
            below += height
    return _svg("".join(parts))


def heat_map(values: Float64, top: float) -> str:
    """A map: rows from above, times from left; what is missing has a colour of its own.

    Parameters
    ----------
    values : float64 (rows, times)
    top : float
        Value of the darkest colour.
    """
    levels = np.zeros(values.shape, np.uint8)
    known = ~np.isnan(values)
    if top > 0:
        # the root shows small values beside large ones
        shares = np.sqrt(np.clip(values[known] / top, 0, 1))
        levels[known] = np.round(shares * (SHADES - 1)).astype(np.uint8)
    levels[~known] = SHADES
    data = base64.b64encode(png(levels, _palette())).decode("ascii")
    return _svg(
        f'<image width="{WIDTH:g}" height="{HEIGHT:g}" preserveAspectRatio="none"'
        f' class="cells" href="data:image/png;base64,{data}"/>'
    )


def png(levels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], palette: bytes) -> bytes:
    """An image of a palette's colours as PNG.

    Parameters
    ----------
    levels : uint8 (rows, columns)
        Numbers of colours.
    palette : bytes
        Three a colour.
    """
    height, width = levels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter, 0
    rows[:, 1:] = levels
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    pieces = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows.tobytes(), 6)))
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (*pieces, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _palette() -> bytes:
    shades = [
        round(low + (high - low) * number / (SHADES - 1))
        for number in range(SHADES)
        for low, high in zip(LOW, HIGH, strict=True)
    ]
    return bytes([*shades, *ABSENT])


def _svg(content: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false">{content}</svg>'
    )


def _y(value: float, top: float) -> str:
    return f"{HEIGHT - HEIGHT * min(max(value / top, 0.0), 1.0):.2f}"


def _runs(known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """First and last of the stretches that are known."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _line(line: Line, top: float) -> str:
    """The mean as steps: a value lasts as long as its bin."""
    width = WIDTH / max(1, len(line.mean))
    path = "".join(
        f"M{first * width:.1f} {_y(values[0], top)}"
        + "".join(
            f"V{_y(value, top)}H{(first + number + 1) * width:.1f}"
            for number, value in enumerate(values)
        )
        for first, last in _runs(~np.isnan(line.mean))
        if (values := line.mean[first:last].tolist())
    )
    return f'<path class="line {line.colour}" d="{path}"/>'


def _band(line: Line, top: float) -> str:
    width = WIDTH / max(1, len(line.mean))
    path = ""
    for first, last in _runs(~np.isnan(line.high)):
        high, low = line.high[first:last].tolist(), line.low[first:last].tolist()
        path += f"M{first * width:.1f} {_y(high[0], top)}" + "".join(
            f"V{_y(value, top)}H{(first + number + 1) * width:.1f}"
            for number, value in enumerate(high)
        )
        path += "".join(
            f"V{_y(value, top)}H{(last - number - 1) * width:.1f}"
            for number, value in enumerate(reversed(low))
        )
        path += "Z"
    return f'<path class="band {line.colour}" d="{path}"/>'
