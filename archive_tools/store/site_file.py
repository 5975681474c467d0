"""What readers need of `site.json`: where the archive and the folders of logs are.

The pipeline checks the file whole (`pipeline.site`). Readers look at few of its keys and at no
other, so that a laptop with the archive alone needs none of the sources' packages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.core.errors import ConfigError, NotFound
from archive_tools.core.site_json import without_comments

ENVIRONMENT = "TOKIO_SITE"


@dataclass(frozen=True)
class SiteFile:
    """A site file, as far as readers need it.

    Attributes
    ----------
    path : pathlib.Path
        Absolute. Relative paths in the file are counted from its folder.
    content : mapping
    """

    path: Path
    content: Mapping[str, Any]

    @property
    def root(self) -> Path:
        """The archive's folder, absolute.

        Raises
        ------
        ConfigError
            The file names none.
        """
        named = self.content.get("archive")
        if not isinstance(named, str):
            raise ConfigError(
                f"{self.path} does not name an archive", hint="tokio-pipeline check-config"
            )
        return self.absolute(named)

    @property
    def timezone(self) -> str:
        """IANA name of the zone whose days the archive has.

        Raises
        ------
        ConfigError
            The file names another thing.
        """
        named = self.content.get("timezone", "UTC")
        try:
            return ZoneInfo(named).key
        except (ValueError, TypeError, LookupError, OSError):
            raise ConfigError(
                f"{self.path}: timezone {named!r} is not an IANA time zone",
                hint="tokio-pipeline check-config",
            ) from None

    def log_folders(self) -> dict[str, list[str]]:
        """Strftime templates of the folders of logs, absolute, by the instance that has the key
        `logs`.

        Raises
        ------
        ConfigError
            A template is not a text.
        """
        sources = self.content.get("sources")
        found: dict[str, list[str]] = {}
        for name, keys in sources.items() if isinstance(sources, dict) else ():
            if isinstance(keys, dict) and "logs" in keys:
                given = keys["logs"]
                templates = [given] if isinstance(given, str) else given
                if not isinstance(templates, list) or not all(
                    isinstance(template, str) for template in templates
                ):
                    raise ConfigError(
                        f"{self.path}: sources: {name}: logs is not a text or a list of texts",
                        hint="tokio-pipeline check-config",
                    )
                found[name] = [str(self.absolute(template)) for template in templates]
        return found

    def absolute(self, name: str) -> Path:
        """`name` counted from the folder of the file."""
        return (self.path.parent / Path(name).expanduser()).absolute()


def find_site_file(given: str = "") -> Path | None:
    """Where the site file is: `given`, else $TOKIO_SITE, else ./site.json; None if the last is not
    there.

    Raises
    ------
    NotFound
        The file that is named is not there.
    """
    named = given or os.environ.get(ENVIRONMENT, "")
    path = Path(named or "site.json")
    if path.is_file():
        return path.absolute()
    if named:
        raise NotFound(
            f"no site file {path}", hint=f"set {ENVIRONMENT} or TOKIO_ARCHIVE, or name another file"
        )
    return None


def read_site_file(path: Path) -> SiteFile:
    """Read a site file, without its comments.

    Raises
    ------
    ConfigError
        It is not a JSON object.
    """
    try:
        content = json.loads(
            path.read_text("utf-8"), object_pairs_hook=lambda pairs: dict(without_comments(pairs))
        )
    except (ValueError, OSError, RecursionError) as error:
        raise ConfigError(
            f"{path} cannot be read as JSON: {error}", hint="tokio-pipeline check-config"
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} is not a JSON object",
            got=type(content).__name__,
            hint="tokio-pipeline check-config",
        )
    return SiteFile(path, content)
