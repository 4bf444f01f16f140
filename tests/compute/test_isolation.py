"""What a job tries and may not: each attempt is made for real, inside, and says what came of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jobs_at_hand import SUCCEEDED, Run, python_job, wait_for, wait_until

import siwei
from siwei.compute import JobSpec, LocalEngine, WorkingFile
from siwei.errors import InputError, NotFound

ATTEMPT = """
def attempt(name, act):
    try: print(name, 'done', act())
    except BaseException as refused: print(name, type(refused).__name__)
"""


def read(engine: LocalEngine, run: Run, attempts: str) -> list[str]:
    assert run(ATTEMPT + attempts) == SUCCEEDED, engine.logs("job-1")
    return engine.logs("job-1")[0].decode().splitlines()


def test_no_file_of_the_machine_can_be_read(engine: LocalEngine, run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "city.toml"
    secret.write_text("secret_key = 1")
    places = ["/etc/shadow", "/etc/passwd", "/etc/hostname", str(secret), str(Path(siwei.__file__)), "/proc/1/environ"]
    places += [str(Path.home() / ".bashrc"), str(engine.directory), "/var/log", "/sys/class", "/run", "/home", "/boot"]
    attempts = f"""
import os
for place in {places!r}: attempt(place, lambda: os.listdir(place) if os.path.isdir(place) else open(place).read())
"""
    said = read(engine, run, attempts)
    assert [line.split() for line in said if line.split()[1] == "done"] == []
    assert len(said) == len(places)


def test_nothing_but_the_work_directory_and_temporary_files_can_be_written(engine: LocalEngine, run: Run) -> None:
    places = ["/x", "/usr/bin/x", "/etc/x", "/dev/x", f"{sys.prefix}/x", f"{sys.base_prefix}/x"]
    places += ["/proc/sys/kernel/hostname", "/tmp/x", "/job/x"]
    attempts = f"for place in {places!r}: attempt(place, lambda: open(place, 'w').write('x'))"
    said = read(engine, run, attempts)
    assert [line.split()[0] for line in said if line.split()[1] == "done"] == ["/tmp/x", "/job/x"]


def test_there_is_no_network(engine: LocalEngine, run: Run) -> None:
    attempts = """
import socket
attempt('tcp', lambda: socket.create_connection(('1.1.1.1', 53), 2))
attempt('own', lambda: socket.create_connection(('127.0.0.1', 8000), 2))
attempt('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53)))
attempt('name', lambda: socket.getaddrinfo('example.org', 80))
attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0/tmp/.X11-unix/X0'))
print([name for _, name in socket.if_nameindex()])
"""
    said = read(engine, run, attempts)
    assert said[:5] == [
        "tcp OSError", "own ConnectionRefusedError", "udp OSError", "name gaierror", "abstract ConnectionRefusedError"
    ]  # fmt: skip
    assert said[5:] == ["['lo']"]


def test_no_privilege_is_left(engine: LocalEngine, run: Run) -> None:
    attempts = """
import os, ctypes, socket
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
print(status['CapEff'], status['CapPrm'], status['CapBnd'], status['NoNewPrivs'], status['Seccomp'], os.getuid() == 0)
attempt('setuid', lambda: os.setuid(0))
attempt('chroot', lambda: os.chroot('/'))
attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
c = ctypes.CDLL(None, use_errno=True)
def call(name, *words):
    return name, getattr(c, name)(*words), ctypes.get_errno()
print(call('unshare', 0x10000000), call('mount', b'x', b'/tmp', b'tmpfs', 0, None), call('ptrace', 16, 1, 0, 0))
attempt('hostname', lambda: socket.gethostname())
"""
    said = read(engine, run, attempts)
    assert said[0].split()[:2] == ["0000000000000000"] * 2
    assert said[0].split()[3:] == ["1", "2", "False"]
    assert [line.split()[0] for line in said[1:4] if line.split()[1] != "done"] == ["setuid", "chroot", "raw"]
    assert said[4] == "('unshare', -1, 1) ('mount', -1, 1) ('ptrace', -1, 1)"
    assert said[5] == "hostname done siwei-job"


def test_a_new_namespace_is_refused_by_every_call_that_could_make_one(engine: LocalEngine, run: Run) -> None:
    attempts = """
import ctypes, platform
c = ctypes.CDLL(None, use_errno=True)
numbers = {'x86_64': (56, 435, 250, 321, 425), 'aarch64': (220, 435, 219, 280, 425)}
clone, clone3, keyctl, bpf, uring = numbers[platform.machine()]
for number, first in ((clone, 0x10000000), (clone, 0x20000 | 17), (clone3, 0), (keyctl, 0), (bpf, 0), (uring, 1)):
    ctypes.set_errno(0); print(c.syscall(ctypes.c_long(number), ctypes.c_long(first), 0, 0, 0, 0), ctypes.get_errno())
"""
    assert read(engine, run, attempts) == ["-1 1", "-1 1", "-1 38", "-1 1", "-1 1", "-1 1"]


def test_the_environment_is_cleared(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIWEI_DATABASE_URL", "postgres://secret")
    spec = python_job("import os; print(sorted(os.environ.items()))", environment=(("LEVEL", "三"),))
    engine.submit(spec, "job-1")
    assert wait_for(engine, "job-1") == SUCCEEDED
    seen = dict(eval(engine.logs("job-1")[0].decode()))
    assert "secret" not in str(seen)
    assert sorted(seen) == [
        "HOME", "LANG", "LEVEL", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH", "PWD",
        "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "TMPDIR",
    ]  # fmt: skip
    assert (seen["LEVEL"], seen["HOME"]) == ("三", "/job")


def test_one_job_does_not_see_another(engine: LocalEngine) -> None:
    engine.submit(python_job("import time; open('mine', 'w').write('x'); time.sleep(60)"), "first")
    looks = "import os\nprint(os.listdir('.'), sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[-1] < 20)"
    engine.submit(python_job(looks), "second")
    assert wait_for(engine, "second") == SUCCEEDED
    assert engine.logs("second")[0] == b"[] True\n"
    engine.cancel("first")
    wait_for(engine, "first")


def test_links_and_pipes_a_job_leaves_lead_nowhere(engine: LocalEngine, run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    code = f"""
import os
os.symlink('/etc/passwd', 'passwd'); os.symlink({str(tmp_path)!r}, 'folder'); os.symlink('..', 'up'); os.mkfifo('pipe')
os.mkdir('real'); open('real/file', 'w').write('here'); os.symlink('real', 'alias'); open('bad\\nname', 'w')
"""
    assert run(code) == SUCCEEDED
    assert engine.outputs("job-1") == (("real/file", 4),)
    assert engine.read_output("job-1", "real/file") == b"here"
    for path in ("passwd", "folder/secret", "up/spec.json", "pipe", "alias/file", "real", "none"):
        with pytest.raises(NotFound, match="job job-1 left no file"):
            engine.read_output("job-1", path)
    for path in ("../spec.json", "/etc/passwd", "real/../../spec.json", "", "bad\nname"):
        with pytest.raises(InputError, match="leaves the work directory"):
            engine.read_output("job-1", path)


def test_working_files_stay_inside(engine: LocalEngine) -> None:
    for path in ("../x", "/x", "a/../../x", "a//b", "."):
        with pytest.raises(InputError, match="leaves the work directory"):
            JobSpec(("true",), files=(WorkingFile(path, b""),))


INNER = """
import os
print(os.getuid())
for act in (lambda: os.setuid(0), lambda: open('/etc/passwd'), lambda: open('/x', 'w')):
    try: act()
    except OSError: print('no')
"""
UNPRIVILEGED = """
import os, sys, time
from pathlib import Path
from siwei.compute import JobSpec, LocalEngine
engine = LocalEngine(Path(sys.argv[1]))
engine.submit(JobSpec(("python", "-c", sys.argv[2])), "job-1")
while not engine.state("job-1").phase.is_final: time.sleep(.02)
print(os.geteuid(), engine.state("job-1").phase, engine.logs("job-1")[0].decode().split())
engine.submit(JobSpec(("sleep", "3009.125")), "job-2")
def sleepers():
    found = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try: found += b"sleep\\0003009.125" in entry.read_bytes()
        except OSError: pass
    return found
while not sleepers(): time.sleep(.02)
os.kill(int((engine.directory / "job-2" / "supervisor.pid").read_text()), 9)
while sleepers(): time.sleep(.02)
print(engine.state("job-2").phase)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="already unprivileged: every other test is this test")
def test_it_works_for_an_unprivileged_user_too(engine: LocalEngine, tmp_path: Path) -> None:
    line = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/", "--", sys.executable]
    line += ["-c", UNPRIVILEGED, str(tmp_path / "own"), INNER]
    done = subprocess.run(line, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1000 succeeded ['1000', 'no', 'no', 'no']\nlost\n", "")


def test_without_bubblewrap_it_is_refused_never_run_bare(engine: LocalEngine, tmp_path: Path) -> None:
    """A machine whose /usr/bin/bwrap cannot be run: made with bubblewrap itself."""
    done = submit_within(["--ro-bind", "/dev/null", "/usr/bin/bwrap"], tmp_path)
    assert done.stdout == "bwrap is not installed, and jobs are never run bare → apt-get install -y bubblewrap\n[]\n", (
        done.stderr
    )


def test_where_namespaces_are_refused_it_says_what_to_allow(engine: LocalEngine, tmp_path: Path) -> None:
    done = submit_within(["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"], tmp_path)
    assert done.stdout.startswith("bubblewrap cannot build a sandbox here (bwrap: "), done.stderr
    assert "sysctl -w kernel.unprivileged_userns_clone=1" in done.stdout
    assert done.stdout.endswith("\n[]\n")


def submit_within(options: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    code = """
import sys, os
from pathlib import Path
from siwei.compute import JobSpec, LocalEngine
from siwei.errors import EnvironmentMissing
place = Path(sys.argv[1]) / 'refused'
try: LocalEngine(place).submit(JobSpec(('touch', str(place / 'ran'))), 'job-1')
except EnvironmentMissing as missing: print(missing)
print(sorted(os.listdir(place)) if place.exists() else [])
"""
    line = ["bwrap", "--dev-bind", "/", "/", *options, "--", sys.executable, "-c", code, str(tmp_path)]
    return subprocess.run(line, capture_output=True, text=True, timeout=240, check=False)


def test_only_families_of_sockets_that_the_namespace_holds_can_be_made(engine: LocalEngine, run: Run) -> None:
    attempts = """
import socket
for family in (1, 2, 10, 16, 17, 31, 38, 40):
    try: socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM).close(); print(family, 'made')
    except OSError as refused: print(family, refused.errno)
"""
    assert read(engine, run, attempts) == [
        "1 made", "2 made", "10 made", "16 made", "17 97", "31 97", "38 97", "40 97"
    ]  # fmt: skip


def test_a_job_cannot_help_itself_to_more_processors_nor_read_the_kernels_log(engine: LocalEngine, run: Run) -> None:
    attempts = """
import ctypes, os
attempt('affinity', lambda: os.sched_setaffinity(0, range(os.cpu_count())))
attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
c = ctypes.CDLL(None, use_errno=True)
print(c.klogctl(10, None, 0), ctypes.get_errno())
"""
    assert read(engine, run, attempts) == ["affinity PermissionError", "priority PermissionError", "-1 1"]


def test_a_directory_put_in_a_links_place_while_looked_at_leaks_nothing(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    code = f"""
import os
os.mkdir('a'); os.mkdir('folder'); os.symlink({str(tmp_path / "outside")!r}, 'link'); print('up', flush=True)
while True:
    os.rename('folder', 'kept'); os.rename('link', 'folder')
    os.rename('folder', 'link'); os.rename('kept', 'folder')
"""
    engine.submit(python_job(code), "job-1")
    wait_until(lambda: engine.logs("job-1")[0] == b"up\n")
    for _ in range(300):
        assert engine.outputs("job-1") == ()
        with pytest.raises(NotFound):
            engine.read_output("job-1", "folder/secret")
    engine.cancel("job-1")
    wait_for(engine, "job-1")


def test_an_interpreter_below_the_temporary_directory_is_not_covered(tmp_path: Path) -> None:
    """A clone in /tmp brings its own environment there; the job's /tmp must not hide it."""
    import venv

    venv.create(tmp_path / "environment", with_pip=False)
    packages = [path for path in sys.path if path]
    done = subprocess.run(
        [
            tmp_path / "environment" / "bin" / "python",
            "-c",
            "from siwei.compute.local.sandbox import check_environment; check_environment()",
        ],
        env={"PYTHONPATH": os.pathsep.join(packages), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
