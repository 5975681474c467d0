"""Components (OSTs, servers, file systems): the order of their names."""

from __future__ import annotations


def component_order(name: str) -> tuple[int, str]:
    """Sort key of component names: shorter first, so that oss2 < oss10 and OST000a < OST0010."""
    return len(name), name
