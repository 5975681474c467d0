"""The rows of ``alerts`` in site.json, and what is wrong with them."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from archive_tools import schemas
from archive_tools.core.errors import ConfigError
from archive_tools.core.vocabulary import AlertKind

FULLNESS = "fullness"
"""End of the names of groups whose datasets say how full targets are."""
_OF_FULLNESS = (AlertKind.FULLNESS, AlertKind.GROWTH)


class AlertRule(BaseModel):
    """A row of ``alerts``.

    Attributes
    ----------
    name : str
        Unique.
    kind : str
        fullness: per cent of a target used, above. growth: days until all targets together are
        full, below. slow_target: what a target moved under load, by the median of its peers,
        below. missing: per cent of the expected cells, above. user: bytes in a day, above.
        errors: rejected logs, above; or a failed or missing day.
    threshold : float
        In the kind's unit.
    where : str
        Shell pattern of instances.
    components : str
        Shell pattern of targets, or of users.
    dataset : str
        Of fullness and growth.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    kind: Literal["fullness", "growth", "slow_target", "missing", "user", "errors"]
    threshold: float = Field(ge=0, allow_inf_nan=False)
    where: str = "*"
    components: str = "*"
    dataset: str = "fullness/bytes"


def check_alerts(rules: Sequence[AlertRule], instances: Iterable[str], where: str) -> None:
    """Refuse rules that could never say anything.

    Raises
    ------
    ConfigError
        Two have one name, an instance is not there, or a dataset does not say how full targets are.
    """
    names = sorted(instances)
    seen: set[str] = set()
    for rule in rules:
        here = f"{where}: alerts: {rule.name}"
        if rule.name in seen:
            raise ConfigError(f"{here} is there twice", expected="a name of its own")
        seen.add(rule.name)
        if not any(fnmatch.fnmatchcase(name, rule.where) for name in names):
            raise ConfigError(
                f"{here}: where {rule.where!r} matches no instance", expected=", ".join(names)
            )
        known = [name for name in schemas.catalogue() if _says_fullness(name)]
        if rule.kind not in _OF_FULLNESS and rule.dataset != "fullness/bytes":
            raise ConfigError(f"{here}: {rule.kind} has no dataset", hint="leave it out")
        if rule.dataset not in known:
            near = difflib.get_close_matches(rule.dataset, known, 1)
            raise ConfigError(
                f"{here}: dataset {rule.dataset!r} does not say how full targets are",
                expected=", ".join(known),
                hint=f"did you mean {near[0]}?" if near else "",
            )


def _says_fullness(dataset: str) -> bool:
    group, _, name = dataset.partition("/")
    return group.endswith(FULLNESS) and f"{group}/{name}total" in schemas.catalogue()
