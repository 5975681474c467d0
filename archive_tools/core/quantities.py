"""Numbers as people read them."""

from __future__ import annotations


def quantity(value: float | None, unit: str) -> str:
    """A number as people read it: bytes with IEC prefixes, others with thousands separators; – for
    none.
    """
    if value is None:
        return "–"
    if unit in ("bytes", "bytes/s"):
        suffix = "/s" if unit.endswith("/s") else ""
        for prefix in ("", "Ki", "Mi", "Gi", "Ti", "Pi"):
            if abs(value) < 1024 or prefix == "Pi":
                return f"{value:,.{1 if prefix else 0}f} {prefix}B{suffix}"
            value /= 1024
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}"
    return text if unit in ("", "1") else f"{text} {unit}"
