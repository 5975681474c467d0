"""Searches for faults with coverage: Atheris (libFuzzer), one target after the other, one process.

    python -m tests.fuzz.run [--seconds 180] [TARGET ...]

Inputs that reach new code are kept in .fuzz/TARGET, where the next search goes on; `--keep` copies
those of them that reach code which tests/fuzz/corpus does not into that folder. An input with a
fault that is not known is written to tests/fuzz/found/TARGET and printed; the search goes on after
an exception, and begins again after a crash, a hang in C or too much memory. The exit code is 1 if
there is any. Only our packages are instrumented.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
WORK = ROOT / ".fuzz"
FOUND = FOLDER / "found"
LARGEST = 2**17
KEPT = 2**13
"""Bytes of an input that is kept in the repository, at most."""


def search(name: str, arguments: list[str]) -> None:
    """The child: libFuzzer's main loop, which does not return."""
    import atheris

    with atheris.instrument_imports(include=["archive_tools", "pipeline"]):
        from tests.fuzz.known import is_known
        from tests.fuzz.target import fault_of, signature
        from tests.fuzz.targets import TARGETS

    target, seen = TARGETS[name], set[str]()

    def one_input(data: bytes) -> None:
        error = fault_of(target, data)
        if error is not None and (kind := signature(error)) not in seen:
            seen.add(kind)
            if is_known(name, kind):
                return
            trace = "".join(traceback.format_exception(error))
            print(f"FAULT {name}: {kind}\n{trace}", flush=True)
            _save(name, data)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if len(data) > 1 and chance.random() < 0.5:
            return target.mutated(data, chance)[:most]
        return bytes(atheris.Mutate(data, most))

    atheris.Setup([f"fuzz-{name}", *arguments], one_input, custom_mutator=mutate)
    atheris.Fuzz()


def _save(name: str, data: bytes) -> None:
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    (FOUND / name / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)


def run(name: str, seconds: int) -> tuple[int, int]:
    """Search for so long; faults found, and inputs that are new in .fuzz."""
    work, crashes = WORK / name, WORK / "crashes" / name
    work.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    before = len(list(work.iterdir()))
    at_first = set((FOUND / name).glob("*"))
    end = time.monotonic() + seconds
    while (left := int(end - time.monotonic())) > 0:
        options = [
            f"-max_total_time={left}",
            f"-max_len={LARGEST}",
            "-timeout=120",
            "-rss_limit_mb=3072",
            "-print_final_stats=1",
            f"-artifact_prefix={crashes}/",
            "-verbosity=0",
        ]
        folders = [str(work), str(FOLDER / "corpus" / name)]
        command = [sys.executable, "-m", "tests.fuzz.run", "--child", name, *options, *folders]
        with (WORK / f"{name}.log").open("ab") as said:
            code = subprocess.run(command, stderr=said, check=False).returncode
        for crash in list(crashes.iterdir()):
            print(f"FAULT {name}: {crash.name.partition('-')[0]}", flush=True)
            _save(name, crash.read_bytes())
            crash.unlink()
        if code and time.monotonic() + seconds - end < 5:
            raise SystemExit(f"{name} does not start: see {WORK / name}.log")
    found = set((FOUND / name).glob("*")) - at_first
    return len(found), len(list(work.iterdir())) - before


def keep(name: str) -> int:
    """Copy inputs of .fuzz that reach code which the corpus does not, smallest first."""
    import coverage

    from tests.fuzz.target import fault_of
    from tests.fuzz.targets import CORPUS, TARGETS, inputs

    target, known = TARGETS[name], set[tuple[str, int, int]]()

    def reached(path: Path) -> set[tuple[str, int, int]]:
        measure = coverage.Coverage(
            data_file=None, branch=True, include=[f"{ROOT}/archive_tools/*", f"{ROOT}/pipeline/*"]
        )
        with measure.collect():
            fault_of(target, path.read_bytes())
        data = measure.get_data()
        return {(file, *arc) for file in data.measured_files() for arc in data.arcs(file) or ()}

    for path in inputs(CORPUS, name):
        known |= reached(path)
    kept = 0
    for path in sorted(inputs(WORK, name), key=lambda path: path.stat().st_size):
        if path.stat().st_size <= KEPT and (new := reached(path) - known):
            known |= new
            shutil.copy(path, CORPUS / name / path.name[:12])
            kept += 1
    return kept


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        search(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=180, help="a target (default: 180)")
    parser.add_argument("--keep", action="store_true", help="add to the corpus, do not search")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    from tests.fuzz.targets import TARGETS

    faults = 0
    for name in options.targets or TARGETS:
        if options.keep:
            print(f"{name:22} {keep(name)} inputs kept", flush=True)
            continue
        found, new = run(name, options.seconds)
        faults += found
        print(f"{name:22} {new:5} new inputs, {found} faults", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main())
