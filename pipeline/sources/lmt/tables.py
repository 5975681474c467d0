"""LMT's tables: what is kept of them, and what joins them."""

from __future__ import annotations

from collections.abc import Mapping

from archive_tools.core.vocabulary import FindingKind

TABLES: Mapping[str, Mapping[str, str]] = {
    "TIMESTAMP_INFO": {"TS_ID": "int64", "TIMESTAMP": "string"},
    "FILESYSTEM_INFO": {
        "FILESYSTEM_ID": "int64",
        "FILESYSTEM_NAME": "string",
        "SCHEMA_VERSION": "float64",
    },
    "OST_INFO": {"OST_ID": "int64", "OST_NAME": "string", "HOSTNAME": "string"},
    "OSS_INFO": {"OSS_ID": "int64", "HOSTNAME": "string"},
    "MDS_INFO": {"MDS_ID": "int64", "MDS_NAME": "string", "HOSTNAME": "string"},
    "OPERATION_INFO": {"OPERATION_ID": "int64", "OPERATION_NAME": "string"},
    "OST_DATA": {
        "OST_ID": "int64",
        "TS_ID": "int64",
        "READ_BYTES": "int64",
        "WRITE_BYTES": "int64",
        "PCT_CPU": "float64",
        "KBYTES_FREE": "int64",
        "KBYTES_USED": "int64",
        "INODES_FREE": "int64",
        "INODES_USED": "int64",
    },
    "OSS_DATA": {
        "OSS_ID": "int64",
        "TS_ID": "int64",
        "PCT_CPU": "float64",
        "PCT_MEMORY": "float64",
    },
    "MDS_DATA": {
        "MDS_ID": "int64",
        "TS_ID": "int64",
        "PCT_CPU": "float64",
        "KBYTES_FREE": "int64",
        "KBYTES_USED": "int64",
        "INODES_FREE": "int64",
        "INODES_USED": "int64",
    },
    "MDS_OPS_DATA": {
        "MDS_ID": "int64",
        "TS_ID": "int64",
        "OPERATION_ID": "int64",
        "SAMPLES": "int64",
    },
}
"""Tables and columns that are kept."""

SERIES = ("OST_DATA", "OSS_DATA", "MDS_DATA", "MDS_OPS_DATA")
NAMED_BY = {
    "OST_DATA": ("OST_ID", "OST_INFO", "OST_NAME"),
    "OSS_DATA": ("OSS_ID", "OSS_INFO", "HOSTNAME"),
    "MDS_DATA": ("MDS_ID", "MDS_INFO", "HOSTNAME"),
    "MDS_OPS_DATA": ("MDS_ID", "MDS_INFO", "HOSTNAME"),
}
"""For each table: its id, where the id is explained, and the column that names the component."""

ROW_KEYS: Mapping[str, Mapping[str, int]] = {
    "OST_DATA": {"OST_ID": 1},
    "OSS_DATA": {"OSS_ID": 1},
    "MDS_DATA": {"MDS_ID": 1},
    "MDS_OPS_DATA": {"MDS_ID": 1000, "OPERATION_ID": 1},
}
"""What tells the rows of a time stamp apart: columns, and what they are multiplied by in a sum."""
SPAN = 1 << 30
"""More than any such sum."""

STAMP = "%Y-%m-%d %H:%M:%S"
"""Of the local time stamps."""

UNKNOWN = {
    "OST_ID": FindingKind.UNKNOWN_OST_ID,
    "OSS_ID": FindingKind.UNKNOWN_OSS_ID,
    "MDS_ID": FindingKind.UNKNOWN_MDS_ID,
}
"""The finding for rows whose id is not explained."""
