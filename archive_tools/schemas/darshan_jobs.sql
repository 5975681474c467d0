
WITH per_fs AS (
    SELECT jobid, uid, username, fsname, {sums},
        MIN(start_time + f_read_start_timestamp) AS first_read, MAX(start_time + f_read_end_timestamp) AS last_read,
        MIN(start_time + f_write_start_timestamp) AS first_write, MAX(start_time + f_write_end_timestamp) AS last_write
    FROM headers LEFT JOIN summaries USING (log_id) LEFT JOIN mounts USING (fs_id)
    GROUP BY jobid, uid, username, fsname
), per_job AS (
    SELECT jobid, uid, username, GROUP_CONCAT(DISTINCT exename) AS exenames, COUNT(*) AS logs, MAX(nprocs) AS nprocs,
        MIN(start_time) AS start_time, MAX(end_time) AS end_time,
        GROUP_CONCAT(DISTINCT NULLIF(partial_modules, '')) AS partial_modules
    FROM headers GROUP BY jobid, uid, username
)
SELECT per_fs.jobid, per_fs.uid, per_fs.username, exenames, logs, nprocs, start_time, end_time, partial_modules, per_fs.fsname, {names}, first_read, last_read, first_write, last_write, {servers}
FROM per_fs JOIN per_job ON per_job.jobid IS per_fs.jobid AND per_job.uid IS per_fs.uid AND per_job.username IS per_fs.username
    LEFT JOIN job_servers ON job_servers.jobid IS per_fs.jobid AND job_servers.uid IS per_fs.uid AND job_servers.username IS per_fs.username AND job_servers.fsname = per_fs.fsname
WHERE per_fs.fsname IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM per_fs AS other WHERE other.fsname IS NOT NULL
    AND other.jobid IS per_fs.jobid AND other.uid IS per_fs.uid AND other.username IS per_fs.username)
ORDER BY per_fs.jobid, per_fs.uid, per_fs.username, per_fs.fsname
