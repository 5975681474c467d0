"""The archive's folder: where files are, whole writes, locks of days, receipts, and status."""
