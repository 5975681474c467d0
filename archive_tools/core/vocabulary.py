"""The words that the system decides by, each with one meaning.

A word is written to names of receipts, to JSON and to metrics as it is here: an existing one
never changes. Programs compare members, never parts of sentences.
"""

from __future__ import annotations

import enum


class Product(enum.StrEnum):
    """What a day has of an instance; `REPORT` and `FIGURES` belong to the day as a whole."""

    RAW = "raw"
    TTS = "tts"
    INDEX = "index"
    JOBS = "jobs"
    REPORT = "report"
    FIGURES = "figures"


class ReceiptState(enum.StrEnum):
    """What a receipt says of its product."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Less than the whole day."""
    KEPT = "kept"
    """Other inputs were seen, and the archived ones kept."""
    FAILED = "failed"
    """The last try failed."""
    EMPTY = "empty"
    """An operator said that the day has no data for good."""

    @property
    def is_good(self) -> bool:
        """Whether the product is in the archive."""
        return self in (ReceiptState.COMPLETE, ReceiptState.PARTIAL)


class Severity(enum.IntEnum):
    """How much a state needs a person."""

    GOOD = 0
    INCOMPLETE = 1
    BAD = 2


class DayState(enum.StrEnum):
    """What the archive says of one day of an instance.

    Attributes
    ----------
    severity : Severity
    letter : str
        In a calendar.
    colour : str
        On a terminal, a style of rich.
    """

    severity: Severity
    letter: str
    colour: str

    COMPLETE = "complete", Severity.GOOD, "#", "green"
    PARTIAL = "partial", Severity.INCOMPLETE, "+", "yellow"
    LATE = "late", Severity.INCOMPLETE, "~", "yellow"
    """The source has data that the archive has not."""
    STALE = "stale", Severity.INCOMPLETE, "~", "yellow"
    """Made by an older version, with other keys, or from older data."""
    FAILED = "failed", Severity.BAD, "!", "bold red"
    MISSING = "missing", Severity.BAD, ".", "red"
    EXPIRED = "expired", Severity.BAD, "x", "magenta"
    """Missing, and the source does not keep it any longer."""
    EMPTY = "empty", Severity.GOOD, "-", "dim"
    """An operator said that there are no data for good."""

    def __new__(cls, word: str, severity: Severity, letter: str, colour: str) -> DayState:
        member = str.__new__(cls, word)
        member._value_ = word
        member.severity, member.letter, member.colour = severity, letter, colour
        return member


class AlertKind(enum.StrEnum):
    """What an alert of `site.json` looks at."""

    FULLNESS = "fullness"
    """Per cent of a target that is used, above."""
    GROWTH = "growth"
    """Days until all targets together are full, below."""
    SLOW_TARGET = "slow_target"
    """What a target moved under load, by the median of its peers, below."""
    MISSING = "missing"
    """Per cent of the expected cells that were not measured, above."""
    USER = "user"
    """Bytes that a user's logs moved in the day, above."""
    ERRORS = "errors"
    """Rejected logs of the day, above; or a day that failed or is missing."""


class AlertState(enum.StrEnum):
    """What an alert says of a day."""

    FIRING = "firing"
    QUIET = "quiet"
    UNKNOWN = "unknown"
    """It could not be evaluated."""


class FindingKind(enum.StrEnum):
    """Kinds of findings of our own sources and products. Another package's source may have others,
    as plain text.
    """

    UNREADABLE = "unreadable input"
    """A file or a part of one could not be read: the day is not complete."""
    DUPLICATES = "duplicates"
    DIFFERING = "samples of one component and time that differ, of which the largest counts"
    SEVERAL_IN_CELL = "several samples in a cell"
    OUTSIDE_DAY = "samples outside the day"
    RESETS = "resets"
    SINGLE_LOW = "single low samples"
    GROWTH_ACROSS_GAPS = "growth across gaps"
    SHARES_ABOVE_ALL = "shares above 100 %"
    IDLE_AMONG_BUSY = "zero all day while most peers are not"
    NOT_MEASURED = "cells that were expected and not measured"
    LEFT_ROSTER = "components that are not expected any more, after complete days without them"
    ACKNOWLEDGED = "cells of outages that are acknowledged"
    IMPOSSIBLE = "figures that no device can have"
    EMPTY_ROWS = "rows in which nothing was measured"
    FETCHED_EARLY = "fetched before the day was over"
    INPUTS_GREW = "inputs that grew while they were read"
    LOGS_REJECTED = "logs rejected"
    LOGS_IMPOSSIBLE = "logs with figures that no job can have"
    LOGS_TOO_LARGE = "logs with amounts that no job can have, left out of the series"
    SUMS_TOO_LARGE = "sums of jobs that are larger than 64 bits"
    OWNER_DIFFERS = "logs in files of another user than the one that they name"
    NAME_DIFFERS = "logs whose names are of another user than their uid"
    LOGS_PARTIAL = "logs with partial data"
    MODULES_UNREADABLE = "logs with modules that are left out, damaged or too new"
    TRACES_CONTRADICT = "traces that contradict counters or heat maps, and are not used"
    BYTES_UNPLACED = "bytes of files that mount_to_fsname does not place"
    LOGS_CHANGED = "logs that changed after others were purged, and stay as they were"
    LOGS_STAY = "logs that changed, cannot be read now, and stay as they were"
    DUPLICATE_LOGS = "logs that are copies of others, and count each time"
    LOGS_MISTIMED = "logs whose times are not of the day under which they are filed"
    JOBS_LONGER = "jobs longer than late_days, whose first days may lack them"
    MPIIO_ALONE = "logs whose bytes MPI-IO alone counted, on no file system and in no series"
    NO_LOGS = "days without a log, after days that had some"
    LOGS_GONE = "logs that were gone before they were read"
    AMOUNT_OUTSIDE_DAY = "amount outside the day"
    SERVER_DAYS_UNREADABLE = "days of servers that cannot be read"
    TABLES_ABSENT = "tables that the database lacks"
    IDS_UNNAMED = "ids without a name"
    NULLS = "null values"
    UNKNOWN_TS_ID = "rows of an unknown TS_ID"
    UNKNOWN_OST_ID = "rows of an unknown OST_ID"
    UNKNOWN_OSS_ID = "rows of an unknown OSS_ID"
    UNKNOWN_MDS_ID = "rows of an unknown MDS_ID"
    UNKNOWN_OPERATION_ID = "rows of an unknown OPERATION_ID"
    STAMPS_UNREADABLE = "time stamps that cannot be read"
    STAMPS_IMPOSSIBLE = "time stamps that no clock showed"
    NAMES_UNUSABLE = "names that cannot be archived"
    NO_ARRIVAL_STAMP = "no document has a stamp of arrival"
    CLOCK_SKEW = "clock skew"
    LABELS_UNNAMED = "series whose labels name no component"
    NAMES_SHARED = "components of several series"
    SERIES_UNNAMED = "series without a metric name"
    NEGATIVE_FIGURES = "negative figures"
    COUNTERS_UNUSED = "counters that are not archived"
    DEVICES_UNMAPPED = "devices that mmperfmon_lun_map does not know"
    COUNTED_TWICE = "interfaces or devices that lie on others which count too"
    HOSTS_LEFT_OUT = "hosts that neither mdservers nor dataservers match"
    INTERVAL_UNKNOWN = "values whose interval is not known"
    INTERFACES_LEFT_OUT = "interfaces that are left out"
    LONGER_COVERED = "figures of intervals that shorter ones cover"
    PATTERNS_UNMATCHED = "patterns that match nothing"
    JOBIDS_UNEXPLAINED = "job ids that no template of jobid_name explains"
    JOBS_UNSEEN = "jobs without an end that a later answer does not have"
    SHORTER_UNFILLED = "figures of intervals that do not fill a longer one"
    TARGETS_SILENT = "snapshots in which a target is inactive or has no server"
    SERVERS_CROWDED = "targets of a server that serves more of them than most servers do"


FOR_A_PERSON = frozenset(
    {
        FindingKind.DIFFERING,
        FindingKind.LEFT_ROSTER,
        FindingKind.NAMES_UNUSABLE,
        FindingKind.LABELS_UNNAMED,
        FindingKind.DEVICES_UNMAPPED,
        FindingKind.LOGS_TOO_LARGE,
        FindingKind.UNKNOWN_TS_ID,
        FindingKind.UNKNOWN_OST_ID,
        FindingKind.UNKNOWN_OSS_ID,
        FindingKind.UNKNOWN_MDS_ID,
        FindingKind.TARGETS_SILENT,
        FindingKind.SERVERS_CROWDED,
        FindingKind.LOGS_CHANGED,
        FindingKind.LOGS_STAY,
        FindingKind.LOGS_GONE,
        FindingKind.DUPLICATE_LOGS,
        FindingKind.LOGS_MISTIMED,
        FindingKind.JOBS_LONGER,
        FindingKind.MPIIO_ALONE,
    }
)
"""Kinds that a run says also where the day is complete: what was measured and is not archived, and
what nobody waits for any more.
"""


WITHOUT_COLUMN = frozenset(
    {
        FindingKind.UNKNOWN_OST_ID,
        FindingKind.UNKNOWN_OSS_ID,
        FindingKind.UNKNOWN_MDS_ID,
        FindingKind.NAMES_UNUSABLE,
        FindingKind.LABELS_UNNAMED,
        FindingKind.DEVICES_UNMAPPED,
    }
)
"""Kinds of what was measured and has no column: nobody expects its cells, so that a share of it
that is not small makes a day partial. Their amounts are per cents.
"""


class RejectReason(enum.StrEnum):
    """Why a log is rejected: the beginning of the sentence that says it.

    Attributes
    ----------
    is_lasting : bool
        Whether it is due to the file itself, so that the same bytes are not tried again.
    """

    is_lasting: bool

    TRUNCATED = "truncated", True
    CORRUPT = "damaged", True
    MISNAMED = "named like a Darshan log but not one", True
    EMPTY = "empty", True
    PACKED = "compressed as a whole", True
    BZIP2 = "compressed by bzip2 inside", True
    OLD_FORMAT = "written by Darshan 1 or 2", True
    NEWER = "newer than the installed libdarshan-util", True
    ABORTED = "libdarshan-util aborts", True
    CRASHED = "libdarshan-util crashes", True
    UNREADABLE = "cannot be read", False
    LINK = "a link that is not followed", False
    TIME_LIMIT = "time limit", False
    MEMORY_LIMIT = "memory limit", False
    CHANGED = "changed since it was listed", False
    GONE = "gone since it was listed", False
    IRREDUCIBLE = "cannot be reduced", False
    KILLED = "killed by the system, perhaps for want of memory", False
    READER_ENDED = "the reader ended", False
    # As earlier versions wrote it, before they said more: such files are tried again.
    DAMAGED = "truncated or damaged", False
    NOT_A_LOG = "not a Darshan log", False
    LIBRARY_ABORT = "library abort", False
    LIBRARY_CRASH = "library crash", False

    def __new__(cls, words: str, is_lasting: bool) -> RejectReason:
        member = str.__new__(cls, words)
        member._value_ = words
        member.is_lasting = is_lasting
        return member

    def sentence(self, detail: str = "", *, fact: str = "") -> str:
        """As the table of rejects has it: ``reason (fact): detail``."""
        beginning = f"{self} ({fact})" if fact else str(self)
        return f"{beginning}: {detail}" if detail else beginning

    @classmethod
    def read(cls, sentence: str) -> RejectReason | None:
        """The reason in a `sentence`; None where it is of none of these."""
        beginning = sentence.partition(":")[0].partition(" (")[0]
        return next((reason for reason in cls if beginning == reason), None)

    @classmethod
    def lasts(cls, sentence: str) -> bool:
        """Whether what was rejected with this sentence would be rejected again."""
        reason = cls.read(sentence)
        return reason is not None and reason.is_lasting
