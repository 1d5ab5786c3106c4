"""A container engine for the tests: Debian's dockerd without systemd, started and stopped by hand.

    tools/engine.py start     prints the engine's address, starting one unless one answers already
    tools/engine.py stop      ends the one that `start` started
    tools/engine.py remove    ends it and deletes all that it kept
    tools/engine.py status    prints the address, or exits with 1

`start` exits with 77 and one line that says why where no engine can run. Run by `.ci/run` and by
`tests/support/engine.py`; standard library only. Everything is kept in one folder, TOC_TEST_ENGINE_DIR or
/var/lib/toc-build-engine, which is not a user's engine and may be deleted once it is stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

FOLDER = Path(os.environ.get("TOC_TEST_ENGINE_DIR", "/var/lib/toc-build-engine"))
SOCKET = FOLDER / "run" / "docker.sock"
PID_FILE = FOLDER / "run" / "docker.pid"
CONTAINERD_PID_FILE = FOLDER / "exec" / "containerd" / "containerd.pid"
LOG = FOLDER / "dockerd.log"
USUAL_SOCKET = Path("/var/run/docker.sock")
BRIDGE, BRIDGE_ADDRESS = "tocbuild0", "10.213.78.1/24"  # docker0 belongs to a user's own engine
PROGRAMS = ("dockerd", "containerd", "runc", "iptables", "ip")
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21
FREE_BYTES = 3_000_000_000
CANNOT_RUN = 77


def main(command: str) -> None:
    """Runs one of the four commands."""
    if command == "start":
        address = running() or start()
        print(address)
    elif command == "stop":
        stop()
    elif command == "remove":
        stop()
        remove()
    elif command == "status":
        address = running()
        print(address or "no engine answers")
        sys.exit(0 if address else 1)
    else:
        sys.exit(__doc__)


def running() -> str | None:
    """The address of an engine that answers: the one that DOCKER_HOST names, the machine's own, or ours."""
    named = os.environ.get("DOCKER_HOST", "")
    sockets = [Path(named.removeprefix("unix://"))] if named.startswith("unix://") else []
    for path in (*sockets, USUAL_SOCKET, SOCKET):
        if answers(path):
            return f"unix://{path}"
    return None


def answers(path: Path) -> bool:
    """Whether an engine answers at a socket."""
    connection = http.client.HTTPConnection("localhost", timeout=3)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(3)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start() -> str:
    """Starts dockerd and waits until it answers; gives its address."""
    require_everything()
    for folder in ("run", "data", "exec"):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
    with locked():
        if answers(SOCKET):
            return f"unix://{SOCKET}"
        make_bridge()
        (FOLDER / "started-by-tests").unlink(missing_ok=True)  # of a run that was killed
        for file, name in ((PID_FILE, "dockerd"), (CONTAINERD_PID_FILE, "containerd")):
            forget_dead(file, name)
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        with LOG.open("wb") as log:
            daemon = subprocess.Popen(
                [
                    "dockerd",
                    f"--data-root={FOLDER / 'data'}",
                    f"--exec-root={FOLDER / 'exec'}",
                    f"--pidfile={PID_FILE}",
                    f"--host=unix://{SOCKET}",
                    f"--bridge={BRIDGE}",
                    "--log-opt=max-size=10m",
                    "--log-opt=max-file=2",
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(240):
            if daemon.poll() is not None or answers(SOCKET):
                break
            time.sleep(0.25)
        if daemon.poll() is not None:
            refuse(f"dockerd ended: {last_complaint()}")
        if not answers(SOCKET):
            daemon.terminate()
            refuse(f"dockerd did not answer within 60 s, see {LOG}")
    return f"unix://{SOCKET}"


def require_everything() -> None:
    """Refuses where dockerd could not run, with the reason that it would hide in its log."""
    if os.getuid() != 0:
        refuse("this user is not root")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        refuse(f"not installed: {', '.join(missing)} (apt-get install docker.io iptables iproute2)")
    if "overlay" not in Path("/proc/filesystems").read_text("ascii").split():
        refuse("the kernel has no overlay file system")
    if not os.path.ismount("/sys/fs/cgroup"):
        refuse("/sys/fs/cgroup is not mounted")
    effective = next(
        int(line.split()[1], 16)
        for line in Path("/proc/self/status").read_text("ascii").splitlines()
        if line.startswith("CapEff")
    )
    for number, name in ((CAP_SYS_ADMIN, "CAP_SYS_ADMIN"), (CAP_NET_ADMIN, "CAP_NET_ADMIN")):
        if not effective >> number & 1:
            refuse(f"this process lacks {name}")
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(FOLDER).free < FREE_BYTES:
        refuse(f"less than {FREE_BYTES / 1e9:g} GB are free for {FOLDER}")


def make_bridge() -> None:
    """Makes the network bridge; given `--bridge none`, dockerd would delete another engine's docker0."""
    if Path("/sys/class/net", BRIDGE).exists():
        return
    try:
        for command in (
            ["ip", "link", "add", BRIDGE, "type", "bridge"],
            ["ip", "addr", "add", BRIDGE_ADDRESS, "dev", BRIDGE],
            ["ip", "link", "set", BRIDGE, "up"],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        refuse(f"the bridge {BRIDGE} cannot be made: {error.stderr.strip()}")


def forget_dead(pid_file: Path, name: str) -> None:
    """Removes the pid file of a process that was killed; the next dockerd would wait for it, or refuse."""
    for _ in range(40):
        pid = read_pid(pid_file)
        if pid is None or not alive(pid, name):
            break
        time.sleep(0.25)  # it may be on its way out
    else:
        if name == "dockerd":
            refuse(f"process {pid} holds {pid_file} but does not answer")
        os.kill(pid or 0, signal.SIGKILL)  # without its dockerd it serves nobody
    pid_file.unlink(missing_ok=True)


def stop() -> None:
    """Ends the engine and removes its bridge; its images stay."""
    pid = read_pid(PID_FILE)
    if pid is not None and alive(pid, "dockerd") and str(PID_FILE) in command_of(pid):
        os.kill(pid, signal.SIGTERM)
        for _ in range(120):
            if not alive(pid, "dockerd"):
                break
            time.sleep(0.25)
        else:
            sys.exit(f"engine: dockerd (process {pid}) still runs after 30 s, see {LOG}")
    if Path("/sys/class/net", BRIDGE).exists():
        subprocess.run(["ip", "link", "del", BRIDGE], check=False, capture_output=True)


def remove() -> None:
    """Deletes the folder of an engine that has ended."""
    data = FOLDER / "data"
    if os.path.ismount(data):  # an engine that was killed leaves it so
        subprocess.run(["umount", "--lazy", str(data)], check=True)
    shutil.rmtree(FOLDER, ignore_errors=True)


def read_pid(file: Path) -> int | None:
    """The pid in a file."""
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None


def alive(pid: int, name: str) -> bool:
    """Whether a process of that name runs; one that nobody has waited for does not."""
    try:
        status = Path("/proc", str(pid), "status").read_text("ascii", "replace")
    except OSError:
        return False
    values = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return values.get("Name") == name and not values.get("State", "Z").startswith("Z")


def command_of(pid: int) -> str:
    """The words of a process's command."""
    return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


def last_complaint() -> str:
    """What dockerd said last of a failure."""
    lines = LOG.read_text("utf-8", "replace").splitlines()
    complaints = [line for line in lines if "failed to start" in line or "level=fatal" in line]
    return (complaints or lines or ["(it said nothing)"])[-1][:300]


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One start at a time."""
    with (FOLDER / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), False)
        yield


def refuse(reason: str) -> NoReturn:
    """Says why no engine can run here."""
    print(f"engine: {reason}", file=sys.stderr)
    sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
