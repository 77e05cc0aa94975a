"""What a process that parses foreign files gives up before it reads the first of them.

Each layer holds where the system offers it, and the layers overlap on purpose:

- resource limits (any POSIX system): no core dumps, few open files, no large files;
- a network namespace of its own (Linux that lets users make namespaces; not within most containers):
  there is no interface but a loopback that is down;
- capabilities given up (Linux): root in here is root no more;
- Landlock (Linux 5.13 and later): nothing is read but programs and libraries, nothing is written but in
  the private folder; from 6.7 on no TCP, from 6.12 on no signals to others;
- a seccomp filter (Linux on x86-64 and ARM64, containers too): no sockets, no programs, no processes;
- Python's audit hook (everywhere): no sockets, no programs. It binds Python code, not native code.

So on Linux native code that was taken over has no way out; on other systems only the limits, the time and
the hook stand.
"""

import ctypes
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from ingest import landlock, seccomp

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CLONE_NEWIPC = 0x08000000
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_OPEN_FILES = 128
_FILE_BYTES = 64 * 1024**2
_CODE_BYTES = 48 * 1024**2
"""Pages of libraries that are touched only later: they count as memory of the process, and not as its data."""

_LOADED = ("/usr", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache", "/proc/self", "/sys/fs/cgroup")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_FORBIDDEN_EVENTS = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.spawn",
    "os.posix_spawn",
    "os.system",
)


def confine(folder: Path, readable: Sequence[Path]) -> list[str]:
    """Give up all but reading the input, computing, and writing into `folder`; returns what holds.

    To be called while the process has one thread. `readable` are folders of code and data beside those of
    the system and of Python.
    """
    holds = [_limits()]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            holds += [
                *(["namespace"] if _own_namespaces(libc) else []),
                *(["capabilities"] if _without_capabilities(libc) else []),
                *(["landlock"] if landlock.restrict(libc, _readable(readable), [folder]) else []),
                *(["seccomp"] if seccomp.restrict(libc) else []),
            ]
    sys.addaudithook(_refuse)
    return [*holds, "audit"]


def limit_memory(beyond: int) -> None:
    """Let the process take `beyond` bytes more than it has now.

    RLIMIT_DATA counts what is really private and writable. RLIMIT_AS would count addresses: the parsers
    map 400 MiB of libraries, arenas and stacks of threads, more of them on a machine with more cores, and
    use 50. The resident set has no limit that the kernel enforces, and watching it from outside comes late:
    a bomb takes 512 MiB in a tenth of a second. Where there is no `/proc` (macOS enforces neither well),
    RLIMIT_AS is set, generously.
    """
    status = Path("/proc/self/status")
    if status.exists():
        taken = next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmData" in line)
        limit = taken * 1024 + beyond - _CODE_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    else:
        most = beyond + 8 * 1024**3
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def resident_bytes() -> int:
    """What the process has in memory now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _limits() -> str:
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
    ):
        resource.setrlimit(limit, (most, most))
    return "limits"


def _own_namespaces(libc: ctypes.CDLL) -> bool:
    return bool(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0)


def _without_capabilities(libc: ctypes.CDLL) -> bool:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    return bool(libc.capset(header, (ctypes.c_uint32 * 6)()) == 0)


def _readable(more: Sequence[Path]) -> list[Path]:
    python = [sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).resolve().parent)]
    # Not every entry: the folder of a checkout may hold the documents and the store beside the code.
    searched = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    return [*map(Path, (*_LOADED, *_DEVICES, *python, *searched)), *more]


def _refuse(event: str, _: object) -> None:
    if event.startswith(_FORBIDDEN_EVENTS):
        raise PermissionError(f"a parser must not use {event}")
