"""The archive over HTTP, read-only: pages, series, jobs and states."""
