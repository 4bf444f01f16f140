"""System calls no job needs and that have been ways out of sandboxes before; a refused call gives EPERM.

Written as classic BPF by hand because libseccomp has no Python wheel. Numbers: Linux `unistd_64.h` of x86-64, and
`asm-generic/unistd.h` for aarch64. Calls of any other architecture (32-bit ones, x32) are refused whole.
"""

import platform
import struct

from siwei.errors import EnvironmentMissing

ALLOW, REFUSE, UNKNOWN_CALL, NO_FAMILY, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050061, 0x80000000
LOAD, JUMP_EQUAL, JUMP_ANY_BIT, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
NEW_NAMESPACES = 0x7E020080
"""CLONE_NEW{TIME, NS, CGROUP, UTS, IPC, USER, PID, NET}."""
SOCKET_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: all of them are bounded by the job's own empty network namespace."""

ARCHITECTURES = {
    "x86_64": (0xC000003E, {
        "clone": 56, "clone3": 435, "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161,
        "setns": 308, "unshare": 272, "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "userfaultfd": 323,
        "perf_event_open": 298, "kexec_load": 246, "kexec_file_load": 320, "init_module": 175, "finit_module": 313,
        "delete_module": 176, "open_by_handle_at": 304, "io_uring_setup": 425, "process_vm_readv": 310,
        "process_vm_writev": 311, "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163, "quotactl": 179,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "mount_setattr": 442,
        "syslog": 103, "name_to_handle_at": 303, "sched_setaffinity": 203, "socket": 41,
    }),
    "aarch64": (0xC00000B7, {
        "clone": 220, "clone3": 435, "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51,
        "setns": 268, "unshare": 97, "keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280, "userfaultfd": 282,
        "perf_event_open": 241, "kexec_load": 104, "kexec_file_load": 294, "init_module": 105, "finit_module": 273,
        "delete_module": 106, "open_by_handle_at": 265, "io_uring_setup": 425, "process_vm_readv": 270,
        "process_vm_writev": 271, "reboot": 142, "swapon": 224, "swapoff": 225, "acct": 89, "quotactl": 60,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "mount_setattr": 442,
        "syslog": 116, "name_to_handle_at": 264, "sched_setaffinity": 122, "socket": 198,
    }),
}  # fmt: skip


def filter_program() -> bytes:
    """The filter as `bwrap --seccomp` reads it: an array of `struct sock_filter`. Both machines are little-endian."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise EnvironmentMissing(f"no system-call filter for {machine} → run jobs on one of {known}")
    audit, numbers = ARCHITECTURES[machine]
    program = [
        _step(LOAD, ARCHITECTURE_AT),
        _step(JUMP_EQUAL, audit, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER_AT),
        # x32 calls carry bit 30 and would slip past every comparison below.
        _step(JUMP_AT_LEAST, 0x40000000, 0, 1),
        _step(RETURN, KILL),
        # clone3 hides its flags behind a pointer; ENOSYS makes the C library fall back to clone.
        _step(JUMP_EQUAL, numbers["clone3"], 0, 1),
        _step(RETURN, UNKNOWN_CALL),
    ]
    for name, number in numbers.items():
        if name not in ("clone", "clone3", "socket"):
            program += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, REFUSE)]
    # A network namespace does not hold AF_VSOCK (to the hypervisor), and AF_ALG is kernel code no job needs.
    families = [_step(JUMP_EQUAL, family, len(SOCKET_FAMILIES) - at, 0) for at, family in enumerate(SOCKET_FAMILIES)]
    program += [
        _step(JUMP_EQUAL, numbers["socket"], 0, len(families) + 3),
        _step(LOAD, FIRST_ARGUMENT_AT),
        *families,
        _step(RETURN, NO_FAMILY),
        _step(RETURN, ALLOW),
        _step(JUMP_EQUAL, numbers["clone"], 0, 3),
        _step(LOAD, FIRST_ARGUMENT_AT),
        _step(JUMP_ANY_BIT, NEW_NAMESPACES, 0, 1),
        _step(RETURN, REFUSE),
        _step(RETURN, ALLOW),
    ]
    return b"".join(program)


def _step(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, when_true, when_false, value)
