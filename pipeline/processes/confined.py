"""The rights of a process that reads logs: as few as reading needs.

`readable` says what it may read, before any log is read; `confine` gives up everything else, for
good. Landlock bounds files, TCP and signals, a filter of system calls bounds sockets, programs and
further processes. Where the kernel has neither, the limits of resources remain.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import mmap
import os
import platform
import resource
import stat
import struct
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from archive_tools.core.log_files import LOG_MAGIC

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SYS_CREATE_RULESET, SYS_ADD_RULE, SYS_RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls of Landlock, the same on all machines."""
VERSION_OF_LANDLOCK, PATH_BENEATH = 1, 1
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights to files a version of Landlock knows, from the version on."""
TCP_SINCE, SCOPES_SINCE = 4, 6
TCP, SCOPES = 0b11, 0b11
"""Bind and connect; abstract sockets and signals."""
OPEN_FILES = 64
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/localtime")
SYSTEM_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom")

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machines whose system calls are filtered, and their numbers in a filter."""
DENIED = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "socketpair": (53, 199),
    "clone": (56, 220), "clone3": (435, 435), "fork": (57, 220), "vfork": (58, 220),
    "execve": (59, 221), "execveat": (322, 281), "kill": (62, 129), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "mount": (165, 40),
    "unshare": (272, 97), "setns": (308, 268), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "perf_event_open": (298, 241), "bpf": (321, 280),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
}  # fmt: skip
"""System calls that reading logs does not need, and their numbers on each of the `MACHINES`."""
X32 = 0x4000_0000
"""Calls of x86_64 from here on are others by another name."""
EPERM = 1


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def landlock_version() -> int:
    """The version of Landlock that the kernel has; 0 for none."""
    return max(0, int(_libc().syscall(SYS_CREATE_RULESET, None, 0, VERSION_OF_LANDLOCK)))


def has_filter() -> bool:
    """Whether the kernel filters system calls, on this machine."""
    if platform.machine() not in MACHINES:
        return False
    _libc().prctl(PR_SET_SECCOMP, 2, None, 0, 0)  # without a filter: EFAULT where it has them
    return ctypes.get_errno() == errno.EFAULT


def described() -> str:
    """What of this kernel confines the processes that read logs, for a person."""
    version = landlock_version()
    gives = [f"Landlock {version}"] if version else []
    gives += ["seccomp"] if has_filter() else []
    lacks = [] if version else ["Landlock (Linux 5.13): files are not refused"]
    if 0 < version < TCP_SINCE:
        lacks.append(f"Landlock {TCP_SINCE} (Linux 6.7): TCP is not refused by it")
    if not has_filter():
        lacks.append("seccomp: sockets and programs are not refused")
    said = f"confined by {' and '.join(gives)}" if gives else "not confined by the kernel"
    return "; ".join([said, *(f"it lacks {what}" for what in lacks)])


def readable(files: Iterable[tuple[bytes, bytes]]) -> int:
    """What a process may read: folders of logs, logs that links lead to, and Python.

    Parameters
    ----------
    files : iterable of (root, name)
        Of logs. A link out of its folder is followed only to what begins like a log.

    Returns
    -------
    int
        Descriptor of the rules; -1 where the kernel does not have Landlock.
    """
    version = landlock_version()
    if not version:
        return -1
    handled = (1 << max(n for since, n in FILE_RIGHTS.items() if since <= version)) - 1
    tcp = TCP if version >= TCP_SINCE else 0
    scopes = SCOPES if version >= SCOPES_SINCE else 0
    size = 8 if version < TCP_SINCE else 16 if version < SCOPES_SINCE else 24
    rules = int(
        _libc().syscall(SYS_CREATE_RULESET, struct.pack("=3Q", handled, tcp, scopes), size, 0)
    )
    if rules < 0:
        return -1
    roots: set[bytes] = set()
    for root, name in files:
        roots.add(root or b".")
        path = os.path.join(root, name)
        with contextlib.suppress(OSError):
            if stat.S_ISLNK(os.lstat(path).st_mode):
                _allow(rules, path, is_log=True)
    for folder in roots:
        _allow(rules, folder)
    for place in {*_python(), *SYSTEM, *SYSTEM_FILES}:
        _allow(rules, os.fsencode(place))
    return rules


def _python() -> Iterator[str]:
    """Folders from which Python may still load something."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix)
    for name, module in list(sys.modules.items()):
        if "." not in name:
            yield from getattr(module, "__path__", None) or ()


def _allow(rules: int, path: bytes, *, is_log: bool = False) -> None:
    """Allow reading a folder with all below it, or a file; what is not there is passed over."""
    with contextlib.suppress(OSError):
        handle = os.open(path, (os.O_RDONLY | os.O_NONBLOCK if is_log else os.O_PATH))
        try:
            mode = os.fstat(handle).st_mode
            if is_log and not (stat.S_ISREG(mode) and os.pread(handle, 16, 0)[8:] in LOG_MAGIC):
                return
            rights = READ_FILE | (READ_DIR if stat.S_ISDIR(mode) else 0)
            _libc().syscall(
                SYS_ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, handle), 0
            )
        finally:
            os.close(handle)


def confine(rules: int, memory: int, keep: Collection[int]) -> None:
    """Give up what reading logs does not need, in this process and for good.

    Parameters
    ----------
    rules : int
        Of `readable`.
    memory : int
        Bytes of address space beyond what the process has.
    keep : collection of int
        The descriptors that stay open.

    Raises
    ------
    OSError
        The kernel has Landlock, and refuses.
    """
    used = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    _limit(resource.RLIMIT_AS, used + memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no core, also where a program receives them
    _libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if rules >= 0 and _libc().syscall(SYS_RESTRICT_SELF, rules, 0):
        raise OSError(ctypes.get_errno(), "Landlock")
    first = 0
    for one in sorted(keep):
        if first < one:
            os.closerange(first, one)
        first = one + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    _limit(resource.RLIMIT_NOFILE, max(keep) + OPEN_FILES)
    _filter_calls()


def _limit(what: int, most: int) -> None:
    """Set a limit that cannot be raised again; a lower one of the account remains."""
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def limit_processor(seconds: float) -> None:
    """Have the system end this process when it has computed for so long from now on."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(
        resource.RLIMIT_CPU, (until if hard == resource.RLIM_INFINITY else min(until, hard), hard)
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _filter_calls() -> None:
    """Have the kernel refuse the `DENIED` system calls."""
    if platform.machine() not in MACHINES:
        return
    code = _filter()
    program = _Program(len(code) // 8, code)
    _libc().prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0)


@functools.cache
def _filter() -> bytes:
    """The filter for this machine, in the language of `seccomp`."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    which = list(MACHINES).index(platform.machine())
    denied = [numbers[which] for numbers in DENIED.values()]
    machine = MACHINES[platform.machine()]
    steps = [(load, 0, 0, 4), (equal, 0, len(denied) + 3, machine), (load, 0, 0, 0)]
    steps.append((at_least, len(denied) + 1, 0, X32))
    for place, number in enumerate(denied):
        steps.append((equal, len(denied) - place, 0, number))
    steps += [(give, 0, 0, 0x7FFF_0000), (give, 0, 0, 0x0005_0000 | EPERM)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
