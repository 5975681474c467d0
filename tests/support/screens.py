"""Screens of the pages in each state, in Debian's Chromium: wide and narrow, light and dark, and as
they are printed.

    make screens

writes a sheet a state to docs/images/screens, and the README's picture. With `--folder FOLDER`
each screen is kept whole there, a PNG each, to look at. Text is drawn by the fonts that are
installed: other machines make other bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.store import layout
from tests.support import screen_archives
from tests.support.browser import chromium_started
from tests.support.paths import ROOT

SHEETS = ROOT / "docs/images/screens"
HERO = ROOT / "docs/images/pages-index.png"
"""The picture of README.md, the first screen of what `make nightly` leaves."""
HERO_STATE = "index-recorded"
WIDE, NARROW, PAPER = 1300, 375, 720
"""Pixels; paper is A4 between its margins, at 96 a inch."""
HEIGHT, GAP, COLOURS = 600, 24, 128
"""Pixels of a sheet that each screen's upper part has, and between them; colours of its palette."""


@dataclass(frozen=True)
class State:
    """A page in a state.

    Attributes
    ----------
    name : str
        Of its sheet.
    archive : str
        A maker of `screen_archives`.
    page : str
        Below the archive; the first that matches.
    now : datetime.datetime
        The reader's clock.
    """

    name: str
    archive: str
    page: str
    now: dt.datetime


@dataclass(frozen=True)
class Look:
    """How a page is shown."""

    name: str
    width: int
    scale: float
    scheme: str = "light"
    media: str = "screen"


ROWS = (
    (
        Look("1300", WIDE, 0.5),
        Look("375", NARROW, 0.75),
        Look("print", PAPER, 0.6, media="print"),
    ),
    (Look("1300-dark", WIDE, 0.5, "dark"), Look("375-dark", NARROW, 0.75, "dark")),
)
"""Of a sheet; `scale` is that of a screen on it."""


def _state(name: str, archive: str, page: str, date: dt.date, days: int = 1) -> State:
    then = dt.datetime.combine(date + dt.timedelta(days=days), dt.time(8), dt.UTC)
    return State(name, archive, page, then)


def _day(name: str, archive: str, date: dt.date) -> State:
    return _state(name, archive, layout.REPORT.format(date=date), date)


_LAST, _WELL, _UNUSUAL = (screen_archives.MONTH[place] for place in (-1, 21, 24))
_FOUND, _EMPTY = screen_archives.SMALL[-1], screen_archives.SMALL[-2]
_RECORDED = screen_archives.RECORDED
STATES = (
    _state("index", "month", layout.INDEX_PAGE, _LAST),
    _state(HERO_STATE, "recorded", layout.INDEX_PAGE, _RECORDED, 5),
    _state("month", "month", layout.MONTH_PAGE.format(date=_LAST), _LAST),
    _day("day-well", "month", _WELL),
    _day("day-unusual", "month", _UNUSUAL),
    _day("day-failed", "small", _FOUND),
    _day("day-empty", "small", _EMPTY),
    _day("day-recorded", "recorded", _RECORDED),
    _day("day-248-targets", "many_targets", screen_archives.MANY),
    _day("day-long-names", "hostile", screen_archives.HOSTILE),
    _state("job", "recorded", f"2026/{_RECORDED}/jobs/job-9100062-*.html", _RECORDED),
)


def make_screens(folder: Path, states: Sequence[State]) -> None:
    """Make each screen, whole, as PNG files of the folder."""
    with _made() as made, chromium_started() as browser:
        archives: dict[str, Path] = {}
        for state in states:
            if state.archive not in archives:
                make = getattr(screen_archives, state.archive)
                archives[state.archive] = make(made / state.archive)
            page = sorted(archives[state.archive].glob(state.page))[0]
            for look in itertools.chain(*ROWS):
                _shoot(browser, page, _screen(folder, state, look), look, state.now)


@contextlib.contextmanager
def _made() -> Iterator[Path]:
    """A folder of one name, which pages show, for the archives."""
    folder = Path(tempfile.gettempdir()) / "screens"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _shoot(browser: Any, address: Path, path: Path, look: Look, now: dt.datetime) -> None:
    context = browser.new_context(
        viewport={"width": look.width, "height": 1000}, color_scheme=look.scheme
    )
    page = context.new_page()
    page.clock.set_fixed_time(now)
    page.goto(address.as_uri())
    page.emulate_media(media=look.media, color_scheme=look.scheme)
    page.wait_for_timeout(300)
    page.screenshot(path=path, full_page=True)
    context.close()


def write_sheet(path: Path, folder: Path, state: State) -> None:
    """The upper parts of a state's screens beside each other, with few colours."""
    from PIL import Image

    size = max(_width(row) for row in ROWS), HEIGHT * len(ROWS) + GAP * (len(ROWS) - 1)
    sheet = Image.new("RGB", size, "#808080")
    for number, row in enumerate(ROWS):
        for place, look in enumerate(row):
            with Image.open(_screen(folder, state, look)) as image:
                bottom = min(image.height, round(HEIGHT / look.scale))
                seen = image.convert("RGB").crop((0, 0, image.width, bottom))
            size = round(look.width * look.scale), round(bottom * look.scale)
            left = _width(row[:place]) + GAP * bool(place)
            sheet.paste(
                seen.resize(size, Image.Resampling.LANCZOS), (left, number * (HEIGHT + GAP))
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def write_hero(path: Path, folder: Path, state: State) -> None:
    """The first screen of a state's page."""
    from PIL import Image

    with Image.open(_screen(folder, state, ROWS[0][0])) as image:
        seen = image.convert("RGB").crop((0, 0, WIDE, 1000))
    seen.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def _width(row: Sequence[Look]) -> int:
    return sum(round(look.width * look.scale) for look in row) + GAP * max(0, len(row) - 1)


def _screen(folder: Path, state: State, look: Look) -> Path:
    return folder / f"{state.name}-{look.name}.png"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="keep each screen there, and write no sheet")
    parser.add_argument("names", nargs="*", help="states (default: all)")
    options = parser.parse_args()
    states = [one for one in STATES if not options.names or one.name in options.names]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make_screens(folder, states)
        if not options.folder:
            write_sheets(folder, states)
    sys.stdout.write(f"{len(states)} states: {options.folder or SHEETS}\n")
    return 0


def write_sheets(folder: Path, states: Sequence[State]) -> None:
    """What the documents show of the screens in a folder."""
    for state in states:
        write_sheet(SHEETS / f"{state.name}.png", folder, state)
        if state.name == HERO_STATE:
            write_hero(HERO, folder, state)


if __name__ == "__main__":
    sys.exit(main())
