"""Tables of jobs of schedulers and of job_stats for a published copy: which columns are published,
and how. A kind or a column that is not in these tables is not known, and its file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.formats.records_file import kind_of_records, write_records
from archive_tools.publishing.columns import refused
from archive_tools.publishing.names import Names

if TYPE_CHECKING:
    import pyarrow as pa

Rule = Callable[[Names, Any], Any]
STATE = re.compile(r"[A-Z_]{1,32}")


def _as_it_is(names: Names, value: Any) -> Any:
    return value


def _dropped(names: Names, value: Any) -> None:
    """Free text, and lists of nodes, from which names could be guessed."""


def _hashed(kind: str) -> Rule:
    return lambda names, text: names.hashed(kind, text)


def _number_of_job(names: Names, number: int) -> int:
    return int(names.job(str(number)))


def _state(names: Names, text: str) -> str | None:
    return text if STATE.fullmatch(text) else None


def _job_of_lustre(names: Names, text: str) -> str:
    """A job's number as in all other tables; any other id is a text that a user made."""
    return names.job(text) if text.isascii() and text.isdigit() else names.hashed("job", text)


def _rules(kept: str, others: Mapping[str, Rule]) -> dict[str, Rule]:
    return {**dict.fromkeys(kept.split(), _as_it_is), **others}


OF_SLURM = _rules(
    "date submit eligible start end seen array_task het_component exit_code exit_signal elapsed"
    " suspended timelimit nodes cpus node_seconds node_seconds_day steps max_rss disk_read"
    " disk_written",
    {
        "cluster": _hashed("cluster"),
        "jobid": Names.job,
        "jobid_shown": Names.job,
        "array_jobid": _number_of_job,
        "het_jobid": _number_of_job,
        "account": _hashed("account"),
        "user": Names.user,
        "uid": Names.uid,
        "partition": Names.component,
        "qos": _hashed("qos"),
        "state": _state,
        "cancelled_by": Names.uid,
        "nodelist": _dropped,
        "name": _dropped,
    },
)
OF_JOB_STATS = _rules(
    "date first_seen last_seen restarts bytes_read reads bytes_written writes opens closes mknods"
    " links unlinks mkdirs rmdirs renames getattrs setattrs getxattrs setxattrs statfss syncs"
    " samedir_renames crossdir_renames parallel_file_renames parallel_dir_renames punches destroys"
    " creates preallocs get_infos set_infos quotactls",
    {
        "target": Names.component,
        "fsname": Names.file_system,
        "job": _job_of_lustre,
        "jobid": Names.job,
        "uid": Names.uid,
        "gid": lambda names, number: names.gid(number),
        "exe": Names.program,
        "host": Names.component,
    },
)
RULES: Mapping[str, Mapping[str, Rule]] = {"slurm": OF_SLURM, "job_stats": OF_JOB_STATS}
"""By kind of source: what becomes of each column; null stays null."""
AT_ONCE = 20_000
"""Rows that are handled at a time."""


def publish_records(source: Path, target: Path, names: Names, date: str) -> None:
    """Write a table of records with other names, its rows in another order.

    Raises
    ------
    FormatError
        It is of a kind, or has a column or type, that is not known.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = kind_of_records(source)
    if kind not in RULES:
        raise refused(source, "it is of a kind that publish does not know")
    with pq.ParquetFile(source) as file:
        schema = file.schema_arrow.remove_metadata()
        if unknown := sorted(set(schema.names) - RULES[kind].keys()):
            raise refused(source, "it has columns that publish does not know", unknown)
        if any(field.type not in (pa.string(), pa.int64()) for field in schema):
            raise refused(source, "it has columns of a type that is not known")
        fields = [field for field in schema if field.name != "date"]
        batches = _published(file, fields, RULES[kind], names)
        write_records(batches, pa.schema(fields), target, date=date, kind=kind)


def _published(
    file: Any, fields: list[pa.Field], rules: Mapping[str, Rule], names: Names
) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in file.iter_batches(AT_ONCE):
        columns = {}
        for field in fields:
            values, rule = batch.column(field.name), rules[field.name]
            if rule is not _as_it_is:
                given = values.to_pylist()
                known = {one: rule(names, one) for one in dict.fromkeys(given) if one is not None}
                values = pa.array([known.get(one) for one in given], field.type)
            columns[field.name] = values
        order = [name for name in ("target", "jobid", "submit", "job") if name in columns]
        table = pa.table(columns, schema=pa.schema(fields))
        yield table.sort_by([(name, "ascending") for name in order])
