-- The Darshan index of one day. The tables and columns down to the line "added" are those that existing
-- queries expect; NULL is "not available" in a counter and "never happened" in a time stamp.
CREATE TABLE headers (
    log_id INTEGER PRIMARY KEY,
    filename TEXT NOT NULL UNIQUE,
    end_time INTEGER,
    exe TEXT,
    exename TEXT,
    jobid TEXT,
    nprocs INTEGER,
    start_time INTEGER,
    uid INTEGER,
    username TEXT,
    version TEXT,
    walltime REAL,
    -- added
    folder TEXT,            -- folder of the log below the day's log folder
    cmdline TEXT,           -- exe with its arguments
    lib_version TEXT,       -- of the Darshan runtime that wrote the log
    log_bytes INTEGER,      -- size of the log file, compressed
    modules TEXT,           -- modules of the log, comma-separated
    partial_modules TEXT,   -- those whose data is partial: the runtime ran out of memory
    unreadable_modules TEXT,-- those that are too new for the installed library
    -- bytes by interface; NULL: the log does not have it
    posix_bytes_read INTEGER, posix_bytes_written INTEGER,
    stdio_bytes_read INTEGER, stdio_bytes_written INTEGER,
    mpiio_bytes_read INTEGER, mpiio_bytes_written INTEGER,
    hdf5_bytes_read INTEGER, hdf5_bytes_written INTEGER,
    pnetcdf_bytes_read INTEGER, pnetcdf_bytes_written INTEGER,
    dfs_bytes_read INTEGER, dfs_bytes_written INTEGER,
    daos_bytes_read INTEGER, daos_bytes_written INTEGER,
    -- as libdarshan-util's accumulators compute them: MiB/s, and seconds
    posix_agg_perf REAL, posix_agg_time REAL, posix_unique_time REAL, posix_shared_time REAL,
    stdio_agg_perf REAL, stdio_agg_time REAL, stdio_unique_time REAL, stdio_shared_time REAL,
    mpiio_agg_perf REAL, mpiio_agg_time REAL, mpiio_unique_time REAL, mpiio_shared_time REAL,
    -- files by kind
    posix_total_files INTEGER, posix_read_only_files INTEGER, posix_write_only_files INTEGER, posix_read_write_files INTEGER,
    posix_unique_files INTEGER, posix_shared_files INTEGER, posix_partly_shared_files INTEGER,
    stdio_total_files INTEGER, stdio_read_only_files INTEGER, stdio_write_only_files INTEGER, stdio_read_write_files INTEGER,
    stdio_unique_files INTEGER, stdio_shared_files INTEGER, stdio_partly_shared_files INTEGER,
    mpiio_total_files INTEGER, mpiio_read_only_files INTEGER, mpiio_write_only_files INTEGER, mpiio_read_write_files INTEGER,
    mpiio_unique_files INTEGER, mpiio_shared_files INTEGER, mpiio_partly_shared_files INTEGER,
    lustre_files INTEGER,   -- files with Lustre records
    lustre_osts INTEGER,    -- distinct OSTs under them
    lustre_stripe_size INTEGER, lustre_stripe_count INTEGER  -- the largest
);
CREATE TABLE mounts (
    fs_id INTEGER PRIMARY KEY,
    mountpt TEXT NOT NULL UNIQUE,
    fsname TEXT NOT NULL
);
CREATE TABLE summaries (
    log_id INTEGER NOT NULL REFERENCES headers (log_id),
    fs_id INTEGER NOT NULL REFERENCES mounts (fs_id),
    bytes_read INTEGER,
    bytes_written INTEGER,
    reads INTEGER,
    writes INTEGER,
    file_not_aligned INTEGER,
    consec_reads INTEGER,
    consec_writes INTEGER,
    mmaps INTEGER,
    opens INTEGER,
    seeks INTEGER,
    stats INTEGER,
    fdsyncs INTEGER,
    fsyncs INTEGER,
    flushes INTEGER,
    seq_reads INTEGER,
    seq_writes INTEGER,
    rw_switches INTEGER,
    posix_files INTEGER,
    stdio_files INTEGER,
    f_close_start_timestamp REAL,
    f_close_end_timestamp REAL,
    f_open_start_timestamp REAL,
    f_open_end_timestamp REAL,
    f_read_start_timestamp REAL,
    f_read_end_timestamp REAL,
    f_write_start_timestamp REAL,
    f_write_end_timestamp REAL,
    UNIQUE (log_id, fs_id)
);
CREATE INDEX summaries_by_fs ON summaries (fs_id);
-- added
CREATE TABLE rejects (
    filename TEXT NOT NULL UNIQUE,
    folder TEXT,
    log_bytes INTEGER,
    reason TEXT NOT NULL
);
-- What the servers behind a file system did while a log ran, and while a job ran from its first log to its last.
-- NULL is "nobody measured" or "not known", never 0.
CREATE TABLE servers (
    log_id INTEGER NOT NULL REFERENCES headers (log_id),
    fsname TEXT NOT NULL,
    fs_instance TEXT,       -- the servers behind it; NULL: none known
    fs_start INTEGER, fs_end INTEGER,               -- the time of the rows that were taken, end exclusive
    fs_bytes_read INTEGER, fs_bytes_written INTEGER, -- what the data targets moved
    fs_reads INTEGER, fs_writes INTEGER,
    fs_peak_read_rate REAL, fs_peak_write_rate REAL, -- bytes/s, all targets together, of the fastest row
    fs_oss_cpu_mean REAL, fs_oss_cpu_peak REAL,     -- %, of all cells; of the busiest server in its busiest row
    fs_mds_cpu_mean REAL, fs_mds_cpu_peak REAL,
    fs_opens INTEGER, fs_closes INTEGER, fs_mknods INTEGER, fs_links INTEGER, fs_unlinks INTEGER, fs_mkdirs INTEGER,
    fs_rmdirs INTEGER, fs_renames INTEGER, fs_getxattrs INTEGER, fs_statfss INTEGER, fs_setattrs INTEGER, fs_getattrs INTEGER,
    fs_bytes_full REAL, fs_bytes_fullest REAL,      -- % at the start: mean of the targets, and the fullest
    fs_inodes_full REAL, fs_inodes_fullest REAL,
    fs_missing REAL,        -- % of the data targets' cells that nobody measured
    coverage_read REAL, coverage_written REAL,      -- own bytes / the servers' bytes
    share_read REAL, share_written REAL,            -- own bytes / the bytes of all logs
    other_logs INTEGER, other_jobs INTEGER,         -- that had files there and ran then
    UNIQUE (log_id, fsname)
);
CREATE TABLE job_servers (
    jobid TEXT,
    uid INTEGER,
    username TEXT,
    fsname TEXT NOT NULL,
    fs_instance TEXT,       -- the servers behind it; NULL: none known
    fs_start INTEGER, fs_end INTEGER,               -- the time of the rows that were taken, end exclusive
    fs_bytes_read INTEGER, fs_bytes_written INTEGER, -- what the data targets moved
    fs_reads INTEGER, fs_writes INTEGER,
    fs_peak_read_rate REAL, fs_peak_write_rate REAL, -- bytes/s, all targets together, of the fastest row
    fs_oss_cpu_mean REAL, fs_oss_cpu_peak REAL,     -- %, of all cells; of the busiest server in its busiest row
    fs_mds_cpu_mean REAL, fs_mds_cpu_peak REAL,
    fs_opens INTEGER, fs_closes INTEGER, fs_mknods INTEGER, fs_links INTEGER, fs_unlinks INTEGER, fs_mkdirs INTEGER,
    fs_rmdirs INTEGER, fs_renames INTEGER, fs_getxattrs INTEGER, fs_statfss INTEGER, fs_setattrs INTEGER, fs_getattrs INTEGER,
    fs_bytes_full REAL, fs_bytes_fullest REAL,      -- % at the start: mean of the targets, and the fullest
    fs_inodes_full REAL, fs_inodes_fullest REAL,
    fs_missing REAL,        -- % of the data targets' cells that nobody measured
    coverage_read REAL, coverage_written REAL,      -- own bytes / the servers' bytes
    share_read REAL, share_written REAL,            -- own bytes / the bytes of all logs
    other_logs INTEGER, other_jobs INTEGER,         -- that had files there and ran then
    UNIQUE (jobid, uid, username, fsname)
);
