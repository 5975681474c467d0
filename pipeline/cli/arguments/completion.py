"""Arguments of `tokio-pipeline completion`."""

from __future__ import annotations

from archive_tools.cli import completion

HELP, ABOUT = completion.HELP, completion.ABOUT
EXAMPLES = completion.examples("tokio-pipeline")
add_arguments = completion.add_arguments
