"""Damage to any file of an archive: no traceback, no wrong value that `check --deep` does not find,
and what is complete after the next runs is right.

TOKIO_FLIPS says how many files are damaged, one after the other in archives of their own (default
6); TOKIO_SEED repeats a campaign. It ends with a table of what became of them (pytest -s).
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import archive_tools
from archive_tools.cli.main import main as archive
from archive_tools.core.errors import TokioError
from pipeline.cli.main import COMPLETE, main
from tests.support import damage, pristine
from tests.support.forked_runs import import_all

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
COUNT = int(os.environ.get("TOKIO_FLIPS", "6"))
SEED = int(os.environ.get("TOKIO_SEED", "1"))
SERIES = ("datatargets/readbytes", "datatargets/writebytes", "fullness/bytes")
KINDS = {
    "product": "2025/*/[!.]*",
    "raw": "raw/2025/*/*/*",
    "receipt": "receipts/2025/*/*",
    "page": "index.html 2025/*.html assets/*",
    "last runs": "receipts/*.json",
    "archive.json": "archive.json",
    "lock": ".lock",
}
WEIGHTS = (40, 25, 20, 5, 3, 5, 2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import_all()
    return pristine.build(tmp_path_factory.mktemp("flips"), [DATE])


def values(root: Path) -> dict[str, bytes]:
    """What a reader reads; of what cannot be read the error, which must name a file."""
    found = {}
    for name in SERIES:
        try:
            read = archive_tools.Archive(root).to_numpy("home", name, str(DATE), "2025-03-02")
            found[name] = np.nan_to_num(read, nan=-1.0).tobytes()
        except TokioError as error:
            found[name] = b"error" if str(root) in str(error) else b"error without a file"
    return found


def products(root: Path) -> dict[str, bytes]:
    """But the report and the figures, which say what happened meanwhile."""
    return {
        path.name: path.read_bytes() for path in root.glob(f"2025/{DATE}/[!.rf]*") if path.is_file()
    }


def damaged(root: Path, chance: random.Random) -> tuple[str, str]:
    """Damage a file; which kind it is of, a product by its name, and how."""
    kind = chance.choices(list(KINDS), WEIGHTS)[0]
    there = [one for pattern in KINDS[kind].split() for one in root.glob(pattern)]
    path = chance.choice(sorted(one for one in there if one.is_file()))
    kind = path.name if kind == "product" else kind
    ways: list[Callable[[Path], None]] = [*damage.WAYS, damage.gone]
    if path.stat().st_size and chance.random() < 0.6:
        damage.flip(path, chance.randrange(8 * path.stat().st_size))
        return kind, "flip"
    way = chance.choice(ways)
    way(path)
    return kind, way.__name__


def test_damage_is_said_and_mended(whole: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = pristine.restored(whole) / "archive"
    good, right = products(root), values(root)
    outcomes: Counter[tuple[str, str, str]] = Counter()
    try:
        for number in range(COUNT):
            chance = random.Random(f"{SEED}/{number}")
            folder = pristine.restored(whole)
            kind, way = damaged(folder / "archive", chance)
            try:
                outcome = what_becomes(folder, good, right)
                assert "Traceback" not in capfd.readouterr().err
            except BaseException as error:
                error.add_note(f"TOKIO_SEED={SEED} number {number}: {kind} {way}")
                raise
            outcomes[kind, way, outcome] += 1
    finally:
        with capfd.disabled():
            sys.stdout.write("\n")
            for (kind, way, outcome), count in sorted(outcomes.items()):
                sys.stdout.write(f"{kind:22} {way:10} {outcome:42} {count:5}\n")


def what_becomes(folder: Path, good: dict[str, bytes], right: dict[str, bytes]) -> str:
    """What becomes of an archive after its file was damaged."""
    root, site = folder / "archive", ["--site", str(folder / "site.json")]
    span = [*site, "--start", str(DATE), "--stop", str(DATE)]
    deep = ["check", "--deep", "--archive", str(root)]
    main(["status", *span, "--no-ask"])
    found = archive(deep)
    before = values(root)
    wrong = any(value not in (b"error", right[name]) for name, value in before.items())
    assert found or not wrong, "values differ, and check --deep finds nothing"
    said = found or main(["status", *span, "--no-ask"])
    night = main(["nightly", *site, "--date", str(DATE)])
    if night == 2:
        assert main(["check-config", *site, "--accept"]) == COMPLETE
        assert main(["nightly", *site, "--date", str(DATE)]) == COMPLETE
        outcome = "refused until check-config --accept"
    else:
        outcome = "mended by nightly" if said else "harmless"
    left = archive(deep)
    if left:
        assert night != COMPLETE or found, "what nightly leaves was found before"
        main(["rebuild", *span, "--all"])
        outcome, left = "mended by rebuild", archive(deep)
    if left:
        assert products(root) == good, "only raw data are damaged"
        main(["invalidate", *span, "--yes"])
        main(["nightly", *site, "--date", str(DATE)])
        outcome, left = "raw data, mended by invalidate and nightly", archive(deep)
    assert left == 0
    assert main(["status", *span, "--no-ask"]) == COMPLETE
    assert products(root) == good
    assert values(root) == right
    return outcome
