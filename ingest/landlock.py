"""Landlock: a process takes from itself the right to files outside of a few folders. Linux only.

The numbers are those of the kernel's `include/uapi/linux/landlock.h`, the same on every processor.
"""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISDIR

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute (libraries are mapped so), read files, list folders
_READ_FILE = 1 << 0 | 1 << 2
_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Rights that a version of Landlock knows; the newest has 16."""

_MOST_BITS = 16
_NET_SINCE, _SCOPES_SINCE = 4, 6
_BOTH = 0b11  # binding and connecting; abstract sockets and signals


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict(libc: ctypes.CDLL, readable: Sequence[Path], writable: Sequence[Path]) -> bool:
    """Allow reading below `readable`, everything below `writable`, and no other file.

    Returns whether that holds: `False` where the kernel has no Landlock. Paths that are missing are
    passed over.
    """
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    every = (1 << _BITS.get(version, _MOST_BITS)) - 1
    rules = _Ruleset(every, _BOTH * (version >= _NET_SINCE), _BOTH * (version >= _SCOPES_SINCE))
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow(libc, ruleset, path, _READ)
        for path in writable:
            _allow(libc, ruleset, path, every)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        is_folder = S_ISDIR(os.fstat(opened).st_mode)
        rule = _Beneath(rights if is_folder else rights & _READ_FILE, opened)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(opened)
