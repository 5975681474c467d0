"""What libdarshan-util does to its memory, log by log, under valgrind: with all that a log says it
has, and with what our own checks (`log_header`) let through.

    python -m tests.fuzz.library_memory [--mutants 200] [LOG ...]

Without logs: the corpus, the logs of siteday, those of the cases, and mutants of them. Prints a row
for each kind of error and place; the last column is what our checks let through, and the exit code
is 1 where that is a write out of bounds. Such logs are kept in tests/fuzz/found/darshan_memory.
The library is the wheel's: no source of it is on PyPI or in Debian that could be built with
AddressSanitizer.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan import log_checks, log_header
from pipeline.sources.darshan.open_log import ESSENTIAL
from tests.fuzz.run import FOUND
from tests.fuzz.targets import CORPUS, FAULTS, OPEN, inputs
from tests.support import mutants
from tests.support.darshan_bytes import opened
from tests.support.paths import ROOT, SITEDAY_LOGS

SOURCE = ROOT / "tests/support/read_log.c"
ERROR = re.compile(
    r"==\d+== (?P<kind>Invalid (?:read|write|free)|Conditional jump|Use of uninitialised"
    r"|Syscall param|Source and destination overlap|Process terminating|Argument '\w+' of function)"
    r".*\n(?P<stack>(?:==\d+==    (?:at|by) .*\n)*)"
)
FRAME = re.compile(r"(?:at|by) 0x[0-9A-F]+: (?P<name>[^\s(]+)")
SECONDS = 120
"""After which a log is taken for one that the library does not end with."""
BOUNDS = "Invalid write"


@dataclass
class Tally:
    """Logs by kind of error and place."""

    bare: Counter[tuple[str, str]] = field(default_factory=Counter)
    let_through: Counter[tuple[str, str]] = field(default_factory=Counter)
    logs: int = 0
    refused: int = 0


def library() -> Path:
    import importlib.util

    found = importlib.util.find_spec("darshan")
    assert found
    assert found.origin
    folder = Path(found.origin).parent.with_name("darshan.libs")
    return next(iter(sorted(folder.glob("libdarshan-util*.so*"))))


def build(folder: Path) -> Path:
    """The program that reads a log."""
    built = folder / "read_log"
    subprocess.run(["gcc", "-g", "-O1", "-o", built, SOURCE, "-ldl"], check=True)
    return built


def let_through(path: Path) -> list[str]:
    """What is read of a log after our checks: numbers of modules, or "open" where it is rejected
    once it was opened. Heat maps are read without the library.
    """
    header = log_header.header_of(path)
    if header is None:
        return [str(number) for number in log_checks.MODULES.values()]
    there = [
        name
        for name, number in log_checks.MODULES.items()
        if number in header.regions and name != "HEATMAP"
    ]
    sound = [name for name in there if _is_sound(path, header, name)]
    try:
        log_checks.job_text(opened(path), header)
        log_checks.file_names(opened(path), header)
    except SourceError:
        return ["open"]
    if not {*ESSENTIAL}.intersection(there) <= {*sound}:
        return ["open"]
    return [str(log_checks.MODULES[name]) for name in sound]


def _is_sound(path: Path, header: log_header.LogHeader, module: str) -> bool:
    try:
        log_checks.checked_module(opened(path), header, module)
    except SourceError:
        return False
    return True


def errors(program: Path, log: Path, modules: Iterable[str]) -> set[tuple[str, str]]:
    """Kinds of errors and the functions of the library that they are in."""
    command = ["valgrind", "-q", "--num-callers=8", "--undef-value-errors=yes"]
    with tempfile.NamedTemporaryFile("r", errors="replace") as said:
        try:
            done = subprocess.run(
                [*command, f"--log-file={said.name}", program, library(), log, *modules],
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {("no end", "")}
        text = said.read()
    if done.returncode == 3:
        raise SystemExit(f"{program} cannot call the library: {done.stderr.decode()}")
    return {(match["kind"], _place(match["stack"])) for match in ERROR.finditer(text)}


def _place(stack: str) -> str:
    """The innermost named function of the library."""
    names = [name for name in FRAME.findall(stack) if name != "???"]
    ours = [name for name in names if "darshan" in name]
    return (ours or names or ["?"])[0]


def logs(folder: Path, count: int, seed: int) -> Iterator[Path]:
    """The logs that are read without names of any."""
    shared = Path(os.environ.get("TOKIO_CASES", ROOT.parent / "shared" / "cases")) / "darshan"
    known = [one for kept in (FAULTS, OPEN) for one in inputs(kept, "darshan_memory")]
    known += inputs(CORPUS, "darshan_day")
    originals = [*known, *sorted(SITEDAY_LOGS.iterdir())[:10], *sorted(shared.glob("*.darshan"))]
    yield from originals
    chance = random.Random(seed)
    small = [path for path in originals if path.stat().st_size < 2**14]
    for number in range(count):
        path = folder / f"mutant{number:05d}.darshan"
        path.write_bytes(mutants.one_of(chance.choice(small), chance)[1])
        yield path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("logs", nargs="*", type=Path)
    options = parser.parse_args()
    if not (shutil.which("gcc") and shutil.which("valgrind")):
        raise SystemExit("needs gcc and valgrind: apt install gcc valgrind")
    tally, everything = Tally(), [str(number) for number in log_checks.MODULES.values()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(folder)
        for log in options.logs or logs(folder, options.mutants, options.seed):
            tally.logs += 1
            bare = errors(program, log, everything)
            passed = let_through(log)
            tally.refused += passed == ["open"]
            guarded = errors(program, log, passed) if bare else set()
            tally.bare.update(bare)
            tally.let_through.update(guarded)
            if any(kind == BOUNDS for kind, _ in guarded):
                kept = FOUND / "darshan_memory" / log.name
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(log, kept)
                print(f"FAULT {kept}: {sorted(guarded)}", flush=True)
    print(f"{tally.logs} logs, {tally.refused} refused by our checks once they are opened")
    print(f"{'error':24}{'in':42}{'logs':>6}{'let through':>13}")
    for (kind, place), number in sorted(tally.bare.items()):
        print(f"{kind:24}{place:42}{number:6}{tally.let_through[kind, place]:13}")
    return int(any(kind == BOUNDS for kind, _ in tally.let_through))


if __name__ == "__main__":
    sys.exit(main())
