"""Pages of HTML from templates, and the scripts that they share, which are in the archive's folder
`assets`.

Every name in a page came from users and is escaped by the template engine; no page loads anything
from another host, and none runs a script that is written into it (its Content-Security-Policy).
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.extras import absent_packages
from archive_tools.core.printable import clean
from archive_tools.store import digest, files, layout

if TYPE_CHECKING:
    import jinja2

Link = tuple[str, str | None]
"""A label, and where it leads; None for nowhere."""
TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *, up: str, links: Sequence[Link], **content: Any) -> str:
    """A page.

    Parameters
    ----------
    template : str
        Name of its template.
    up : str
        From the page's folder to the archive's, such as ``../../``.
    links : sequence of (str, str or None)
        The line at the top.
    """
    environment = _environment()
    return environment.get_template(template).render(
        up=up, links=links, style=_text("style.css"), scripts=list(scripts()), **content
    )


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters["data"] = _as_data
    return environment


def _shown(value: Any) -> Any:
    """What a page shows: text of users and files without control characters; pictures as they
    are.
    """
    return clean(value) if type(value) is str else value


def _as_data(value: Any) -> Any:
    """JSON that cannot end the element that it is in."""
    import markupsafe

    text = json.dumps(_clean(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)


def _clean(value: Any) -> Any:
    """A value whose texts have no control characters."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [one if isinstance(one, float) else _clean(one) for one in value]
    return value


@functools.cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


def is_live() -> bool:
    """Whether pictures can be zoomed: the package that does it is installed."""
    return not absent_packages("pages")


@functools.cache
def scripts() -> Mapping[str, Path]:
    """The scripts of a page, as they are called in the archive, and where they come from; none
    where the package is not installed.
    """
    found = importlib.util.find_spec("plotly") if is_live() else None
    if found is None or found.origin is None:
        return {}
    plotly = Path(found.origin).parent / "package_data" / "plotly.min.js"
    version = importlib.metadata.version("plotly")
    own = TEMPLATES / "pages.js"
    return {
        f"{layout.ASSETS}/plotly-{version}.min.js": plotly,
        f"{layout.ASSETS}/pages-{digest.sha256(own)[:8]}.js": own,
    }


def write_assets(root: Path, *, deep: bool = False) -> dict[str, dict[str, Any]]:
    """Bring the scripts into the archive, where they are not; those of earlier versions stay, for
    earlier pages.

    Parameters
    ----------
    root : pathlib.Path
    deep : bool
        Also hash those that are there; else their sizes alone are compared.

    Returns
    -------
    dict of str to dict
        Size and hash of each, see `archive_tools.store.digest`.
    """
    known = {name: digest.facts(source) for name, source in scripts().items()}
    for name, source in scripts().items():
        if digest.damage(root / name, known[name], deep=deep):
            with files.replacing(root / name, over_folder=True) as temporary:
                shutil.copyfile(source, temporary)
    return known
