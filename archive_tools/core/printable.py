"""Text of users and files as a terminal may be given it."""

from __future__ import annotations


def clean(text: str) -> str:
    """Text that a terminal shows and does not obey: control characters, line ends and lone
    surrogates are escaped.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, most: int = 60) -> str:
    """Text that is not too long to stand beside others: a longer one loses its middle."""
    shown = clean(text)
    if len(shown) <= most:
        return shown
    return f"{shown[: most - most // 2 - 1]}…{shown[-(most // 2) :]}"
