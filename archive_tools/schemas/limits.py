"""What no device can have measured: the smallest and the largest figure of a dataset."""

from __future__ import annotations

from archive_tools.schemas import Dataset

LARGEST_PER_SECOND = {"bytes": 1e13, "ops": 1e9}
"""What one component moves or does in a second at most: 10 TB, and a thousand million."""
LARGEST_STATE = {"%": 105.0, "bytes": float(2**60), "inodes": 1e15, "1": 1e9}
"""The largest state of one component. Shares may be a little above 100, for samples jitter."""
ROUNDING = 1e-3
"""A figure this little below zero is a zero that was rounded."""


def largest(dataset: Dataset, seconds: float) -> float:
    """The largest figure that a component can have.

    Parameters
    ----------
    dataset : Dataset
    seconds : float
        How long the interval is of which an amount is.

    Returns
    -------
    float
        In the dataset's unit; infinity for units that are not the catalogue's.
    """
    if dataset.kind == "delta":
        return LARGEST_PER_SECOND.get(dataset.unit, float("inf")) * seconds
    return LARGEST_STATE.get(dataset.unit, float("inf"))
