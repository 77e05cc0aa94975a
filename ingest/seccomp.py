"""A seccomp filter: system calls that a parser never needs are refused by the kernel. Linux only.

The filter is a program of the classic Berkeley Packet Filter over the kernel's `struct seccomp_data`:
the call's number at byte 0, the architecture at byte 4, the first argument at byte 16.
"""

import ctypes
import platform
import struct
from errno import ENOSYS, EPERM

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_CLONE3 = 435
_EVERYWHERE = (425, 426, 427, 424, 434, 438)  # io_uring (opens sockets by itself); pidfd_*

# For each processor: its AUDIT_ARCH, the number of clone, and the numbers of what is refused.
_PROCESSORS = {
    "x86_64": (
        0xC000003E,
        56,
        (
            *(41, 42, 43, 49, 50, 288),  # socket connect accept bind listen accept4
            *(57, 58, 59, 322, 62, 200),  # fork vfork execve execveat kill tkill
            *(101, 310, 311),  # ptrace process_vm_readv process_vm_writev
            *(165, 166, 155, 161, 272, 308),  # mount umount pivot_root chroot unshare setns
            *(321, 298, 323, 248, 249, 250),  # bpf perf_event_open userfaultfd add_key request_key keyctl
        ),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (
            *(198, 203, 202, 200, 201, 242),
            *(221, 281, 129, 130),
            *(117, 270, 271),
            *(40, 39, 41, 51, 97, 268),
            *(280, 241, 282, 217, 218, 219),
        ),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(libc: ctypes.CDLL) -> bool:
    """Refuse sockets, programs, new processes and the kernel's rarer doors; threads stay allowed.

    Returns whether that holds: `False` on a processor that has no list here, or a kernel without
    filters. The process must have set `no_new_privs`.
    """
    known = _PROCESSORS.get(platform.machine())
    if known is None:
        return False
    code = _filter(*known)
    program = _Program(len(code) // 8, code)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(arch: int, clone: int, refused: tuple[int, ...]) -> bytes:
    refuse = [(_RETURN, 0, 0, _ERRNO | EPERM)]
    steps = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, arch),
        *refuse,
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32),
        *refuse,
    ]
    for number in (*refused, *_EVERYWHERE):
        steps += [(_EQUAL, 0, 1, number), *refuse]
    steps += [
        # The C library then starts its threads with clone, whose flags can be looked at.
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | ENOSYS),
        (_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, _ARGUMENT_AT),
        (_HAS_BIT, 1, 0, _CLONE_THREAD),
        *refuse,
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
