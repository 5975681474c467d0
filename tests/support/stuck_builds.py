"""`tokio-pipeline` with builds that never end; each leaves a file in $TOKIO_TEST_BUSY once it is at
work.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

BUSY = "TOKIO_TEST_BUSY"


def never_made(*arguments: Any) -> None:
    (Path(os.environ[BUSY]) / f"{os.getpid()}.busy").touch()
    time.sleep(86400)


def at_work(folder: Path) -> int:
    """How many builds are at work."""
    return len(list(folder.glob("*.busy")))


if __name__ == "__main__":
    from pipeline import tasks
    from pipeline.cli.main import main

    tasks.Build.make = never_made  # type: ignore[method-assign]
    raise SystemExit(main())
