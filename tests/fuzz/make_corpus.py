"""Writes the seeds of all targets, from the tests' builders, into tests/fuzz/corpus.

python -m tests.fuzz.make_corpus
"""

from __future__ import annotations

from tests.fuzz.targets import CORPUS, TARGETS


def main() -> None:
    for name, target in TARGETS.items():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for seed, data in target.seeds():
            (CORPUS / name / f"seed-{seed}").write_bytes(data)


if __name__ == "__main__":
    main()
