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
    log_bytes INTEGER       -- size of the log file
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
