"""The file of a day's jobs (Parquet): one row a job and file system, made from the index."""

from __future__ import annotations

from pathlib import Path

from archive_tools.formats.index_file import PIECE, open_index

LOG_KEYS, JOB_KEYS = ("log_id", "fsname"), ("jobid", "uid", "username", "fsname")


JOBS = """
WITH per_fs AS (
    SELECT jobid, uid, username, fsname, {sums},
        MIN(start_time + f_read_start_timestamp) AS first_read, MAX(start_time + \
f_read_end_timestamp) AS last_read,
        MIN(start_time + f_write_start_timestamp) AS first_write, MAX(start_time + \
f_write_end_timestamp) AS last_write
    FROM headers LEFT JOIN summaries USING (log_id) LEFT JOIN mounts USING (fs_id)
    GROUP BY jobid, uid, username, fsname
), per_job AS (
    SELECT jobid, uid, username, GROUP_CONCAT(DISTINCT exename) AS exenames, COUNT(*) AS logs, \
MAX(nprocs) AS nprocs,
        MIN(start_time) AS start_time, MAX(end_time) AS end_time
    FROM headers GROUP BY jobid, uid, username
)
SELECT jobid, uid, username, exenames, logs, nprocs, start_time, end_time, fsname, {names}, \
first_read, last_read, first_write, last_write, {servers}
FROM per_fs JOIN per_job USING (jobid, uid, username) LEFT JOIN job_servers USING (jobid, uid, \
username, fsname)
WHERE fsname IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM per_fs AS other WHERE other.fsname IS NOT NULL
    AND other.jobid IS per_fs.jobid AND other.uid IS per_fs.uid AND other.username IS \
per_fs.username)
ORDER BY jobid, uid, username, fsname
"""
"""A row a job and file system; a job without any I/O has one row without a file system. The text is
part of the fingerprint of the product: another one makes the tables of all days stale.
"""
MOMENTS = ("first_read", "last_read", "first_write", "last_write")


def write_jobs(source: Path, target: Path, date: str) -> dict[str, int]:
    """Write what each job did on each file system as Parquet.

    Parameters
    ----------
    source : pathlib.Path
        The day's index.
    target : pathlib.Path
        New Parquet file: one row a job and file system, sorted. Sums over the job's logs and the
        file system's mount points are null where nothing was available; times are epoch seconds,
        null for never. The columns of `job_servers` follow, null where nothing is known of the
        servers.
    date : str
        Written into the column ``date``.

    Returns
    -------
    dict of str to int
        The number of rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    connection = open_index(source)
    try:
        sums = [
            row[1]
            for row in connection.execute("PRAGMA table_info(summaries)")
            if row[1] not in ("log_id", "fs_id") and not row[1].startswith("f_")
        ]
        behind = {
            row[1]: row[2]
            for row in connection.execute("PRAGMA table_info(job_servers)")
            if row[1] not in JOB_KEYS
        }
        query = JOBS.format(
            sums=", ".join(f"SUM({name}) AS {name}" for name in sums),
            names=", ".join(sums),
            servers=", ".join(behind),
        )
        types = {
            "date": pa.string(),
            "jobid": pa.string(),
            "uid": pa.int64(),
            "username": pa.string(),
            "exenames": pa.string(),
        }
        types |= dict.fromkeys(["logs", "nprocs", "start_time", "end_time"], pa.int64()) | {
            "fsname": pa.string()
        }
        types |= dict.fromkeys(sums, pa.int64()) | dict.fromkeys(MOMENTS, pa.float64())
        arrow = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        types |= {name: arrow[kind] for name, kind in behind.items()}
        schema, count = pa.schema(list(types.items())), 0
        programs = schema.get_field_index("exenames")  # sorted: the same programs are the same text
        cursor = connection.execute(query)
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(PIECE):
                columns = [[date] * len(rows), *zip(*rows, strict=True)]
                columns[programs] = [
                    names and ",".join(sorted(names.split(","))) for names in columns[programs]
                ]
                writer.write_table(
                    pa.Table.from_arrays(
                        [
                            pa.array(column, field.type)
                            for column, field in zip(columns, schema, strict=True)
                        ],
                        schema=schema,
                    )
                )
                count += len(rows)
        return {"rows": count}
    finally:
        connection.close()
