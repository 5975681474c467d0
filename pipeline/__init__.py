"""The pipeline: what it fetches, what it makes of it, and its runs."""

import os

# Arrow reads this at its first use; its own pool keeps some hundred megabytes that were freed
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
