"""Luigi tasks: thin, one product each. `luigi --module pipeline.tasks Nightly --date 2026-11-22
--local-scheduler`.
"""

from pipeline.tasks.build import Build
from pipeline.tasks.fetch import Fetch
from pipeline.tasks.index import Index, Jobs
from pipeline.tasks.nightly import Nightly

__all__ = ["Build", "Fetch", "Index", "Jobs", "Nightly"]
