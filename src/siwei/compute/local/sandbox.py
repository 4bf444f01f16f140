"""The bubblewrap command line: what a job sees of the machine, which is as little as lets it run.

Run by root, the sandbox is built in the initial user namespace and the job is started under an unprivileged user id
of its own, because the kernel exempts user 0 from RLIMIT_NPROC. Run by anybody else, a user namespace is made, further
ones are forbidden in it, and the kernel (5.14 and later) counts the processes of that namespace apart.
"""

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from siwei.compute.local.seccomp import filter_program
from siwei.compute.specification import JobSpec
from siwei.errors import EnvironmentMissing

WORK = "/job"
TEMPORARY = "/tmp"  # noqa: S108  (a file system of the job's own)
SHARED_MEMORY_MB = 64
OPEN_FILES = 1024
WORD = b"go\n"
WAIT_FOR_WORD = 'read -r word && exec "$@" </dev/null'
"""Nothing of the job runs before the supervisor says so on standard input; if it dies first, nothing ever does."""
SYSTEM_DIRECTORIES = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/share/zoneinfo")
SYSTEM_LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
NEEDED = {"bwrap": "bubblewrap", "prlimit": "util-linux", "setpriv": "util-linux"}
REFUSED_HINT = (
    "let this user make namespaces: on Debian `sysctl -w kernel.unprivileged_userns_clone=1`, on Ubuntu "
    "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, in a container run it with CAP_SYS_ADMIN"
)


def interpreter_prefixes() -> tuple[Path, ...]:
    """Where this Python and its packages live, to be shown to jobs read-only; never a directory that holds more."""
    places = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent)
    found = {place.resolve() for place in places}
    for prefix in found:
        if (
            len(prefix.parts) < 2
            or prefix == Path.home().resolve()
            or str(prefix) in ("/etc", "/var", "/home", "/root")
        ):
            raise EnvironmentMissing(f"Python is installed in {prefix} itself → install it in a directory of its own")
    return tuple(sorted(prefix for prefix in found if str(prefix) != "/usr"))


def command_line(spec: JobSpec, work: Path, *, user: int | None, seccomp_fd: int, status_fd: int) -> list[str]:
    """The whole command to start: bubblewrap, then limits, then the job's own words.

    `user` is the unprivileged id to become, or None when the caller is unprivileged already.
    """
    line = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    line += ["--die-with-parent", "--new-session", "--hostname", "siwei-job", "--cap-drop", "ALL", "--clearenv"]
    line += ["--seccomp", str(seccomp_fd), "--json-status-fd", str(status_fd)]
    if user is None:
        line += ["--unshare-user", "--disable-userns"]
    else:
        line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    line += _mounts(spec, work)
    for name, value in _environment(spec):
        line += ["--setenv", name, value]
    line += ["--", "/bin/sh", "-c", WAIT_FOR_WORD, "sh"]
    if user is not None:
        line += ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        line += ["--inh-caps=-all", "--bounding-set=-all", "--"]
    # `python` in a job means the engine's own interpreter, whatever its name and place are on this machine.
    words = (sys.executable, *spec.command[1:]) if spec.command[0] == "python" else spec.command
    # The work directory is the job's user's own: bubblewrap itself, without capabilities, may not enter it.
    return [*line, *_limits(spec), "--", "/usr/bin/env", f"--chdir={WORK}", "--", *words]


def _mounts(spec: JobSpec, work: Path) -> list[str]:
    # Directories that bubblewrap makes on its own way to a mount are 0700, which another user cannot pass.
    places = [*map(Path, (*SYSTEM_DIRECTORIES, *SYSTEM_FILES, WORK)), *interpreter_prefixes()]
    parents = sorted({parent for place in places for parent in place.parents} - {Path("/"), Path(TEMPORARY)})
    size = str(min(spec.disk_mb, max(spec.memory_mb // 4, 1)) * 1024 * 1024)
    # Before all else: an interpreter may live below it, and must not be covered.
    line = ["--perms", "1777", "--size", size, "--tmpfs", TEMPORARY]
    line += [word for parent in parents for word in ("--perms", "0755", "--dir", str(parent))]
    for directory in SYSTEM_DIRECTORIES:
        line += ["--ro-bind-try", directory, directory]
    for link in SYSTEM_LINKS:
        if Path(link).is_symlink():
            line += ["--symlink", str(Path(link).readlink()), link]
        else:
            line += ["--ro-bind-try", link, link]
    for file in SYSTEM_FILES:
        line += ["--ro-bind-try", file, file]
    for prefix in interpreter_prefixes():
        line += ["--ro-bind", str(prefix), str(prefix)]
    shared = str(SHARED_MEMORY_MB * 1024 * 1024)
    line += ["--proc", "/proc", "--dev", "/dev"]
    line += ["--perms", "1777", "--size", shared, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    return [*line, "--bind", str(work), WORK, "--chdir", "/", "--remount-ro", "/"]


def _environment(spec: JobSpec) -> list[tuple[str, str]]:
    paths = [f"{sys.prefix}/bin", *(f"{prefix}/bin" for prefix in interpreter_prefixes()), "/usr/bin", "/bin"]
    own = {"PATH": ":".join(dict.fromkeys(paths)), "HOME": WORK, "TMPDIR": TEMPORARY, "LANG": "C.UTF-8"}
    own |= {"PWD": WORK, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    # Numerical libraries start a thread per core of the machine, not per core granted, and trip over the process limit.
    threads = str(spec.count if spec.accelerator == "cpu" else 1)
    own |= {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    return sorted((own | dict(spec.environment)).items())


def _limits(spec: JobSpec) -> list[str]:
    memory, disk = spec.memory_mb * 1024 * 1024, spec.disk_mb * 1024 * 1024
    # Address space is larger than what is resident (libraries, thread stacks); the supervisor holds the resident sum.
    address = memory + 1024 * 1024 * 1024
    values = {
        "as": address, "core": 0, "fsize": disk, "nofile": OPEN_FILES, "nproc": spec.processes,
        "memlock": 65536, "msgqueue": 65536, "nice": 0, "rtprio": 0,
    }  # fmt: skip
    # A process is told at the limit (SIGXCPU) and killed a second later; the sum over processes is the supervisor's.
    cpu = f"--cpu={spec.cpu_limit_s}:{spec.cpu_limit_s + 1}"
    return ["/usr/bin/prlimit", cpu, *(f"--{name}={value}:{value}" for name, value in values.items())]


def end_leftovers(work: Path) -> None:
    """End every sandbox still standing on `work`, whose supervisor is gone.

    They die with it by themselves, but for one killed between bubblewrap's two processes: its half is left waiting,
    with nothing of the job in it. That a lost job is over is not left to chance.
    """
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            with os.fdopen(os.pidfd_open(int(entry.name)), "rb", buffering=0) as process:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0] == b"bwrap" and os.fsencode(work) in words:
                    signal.pidfd_send_signal(process.fileno(), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


def job_user(directory: Path, slot: int) -> int | None:
    """An id of systemd's range for passing users (61184–65519), one per running job; None unless we are root."""
    if os.geteuid() != 0:
        return None
    number = directory.stat().st_ino * 64 + slot
    return 61184 + number % (65519 - 61184 + 1)


@cache
def check_environment() -> None:
    """Run an empty Python in the sandbox once per process. Raises EnvironmentMissing with what to install or allow."""
    if not sys.platform.startswith("linux"):
        raise EnvironmentMissing("jobs run in bubblewrap, which needs Linux → run the platform on Debian")
    for program, package in NEEDED.items():
        if shutil.which(program, path="/usr/bin:/bin") is None:
            said = f"{program} is not installed, and jobs are never run bare"
            raise EnvironmentMissing(f"{said} → apt-get install -y {package}")
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        raise EnvironmentMissing("/proc does not tell children apart → use a kernel with CONFIG_PROC_CHILDREN")
    spec = JobSpec(("python", "-c", "import math"))
    with os.fdopen(os.memfd_create("seccomp"), "w+b") as rules, Path(os.devnull).open("wb") as nothing:
        rules.write(filter_program())
        rules.seek(0)
        descriptors = (rules.fileno(), nothing.fileno())
        line = command_line(
            spec, Path("/usr/share/zoneinfo") if Path("/usr/share/zoneinfo").is_dir() else Path("/usr/bin"),
            user=61184 if os.geteuid() == 0 else None, seccomp_fd=descriptors[0], status_fd=descriptors[1],
        )  # fmt: skip
        line[line.index("--bind")] = "--ro-bind"
        try:
            done = subprocess.run(
                line, input=WORD, pass_fds=descriptors, capture_output=True, env={}, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EnvironmentMissing(f"bubblewrap does not start ({error}) → {REFUSED_HINT}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise EnvironmentMissing(f"bubblewrap cannot build a sandbox here ({said}) → {REFUSED_HINT}")
