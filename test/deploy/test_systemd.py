"""The unit for systemd: accepted by its own checker, and a node that tells a manager what it should."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import tap  # noqa: E402 (the path comes first)

UNIT = os.path.join(TOP, "deploy", "systemd", "erlmcp.service")
DROP_IN = os.path.join(TOP, "deploy", "systemd", "erlmcp-minority-stays-down.conf")
CODES = os.path.join(TOP, "doc", "reference", "commands.md")
PATIENCE_S = 90
SHORT_WATCHDOG_US = 200000
LEFT_OVER_MAX = 100  # messages that were under way


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_unit():
    """systemd-analyze has no complaint about the unit"""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        raise tap.Skip("no systemd here")
    with tempfile.TemporaryDirectory(prefix="erlmcp-unit-") as directory:
        path = os.path.join(directory, "erlmcp.service")
        program = os.path.join(os.environ["LAB_BUILD"], "src", "cmd", "erlmcp")
        with open(path, "w", encoding="utf-8") as file:
            unit = re.sub(r"^Documentation=.*\n", "", text_of(UNIT), flags=re.M)
            file.write(unit.replace("/opt/erlmcp/bin/erlmcp", program))
        done = subprocess.run([analyze, "verify", "--man=no", path], capture_output=True, text=True,
                              check=False)
    about_ours = [line for line in done.stderr.splitlines() if "erlmcp" in line]
    assert done.returncode == 0 and not about_ours, done.stderr


def test_exit_codes():
    """the codes that a unit does not restart are those that the reference gives for them"""
    codes = text_of(CODES)
    assert re.search(r"^RestartPreventExitStatus=77 78$", text_of(UNIT), re.M)
    assert re.search(r"^RestartPreventExitStatus=76 77 78$", text_of(DROP_IN), re.M)
    for code, word in ((76, "minority"), (77, "removed"), (78, "configuration")):
        assert re.search(rf"^\| {code} \|.*{word}", codes, re.M), code


class Manager:
    """A service manager's socket, and a node that was told of it."""

    def __init__(self, directory):
        path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.said = queue.Queue()
        # Read at once: a socket whose queue is full takes no more, and the node does not wait for it.
        threading.Thread(target=self.listen, daemon=True).start()
        program = os.path.join(os.environ["LAB_BUILD"], "src", "cmd", "erlmcp")
        ports = {"ERL_EPMD_PORT": "24369", "ERLMCP_DIST_LISTEN_MIN": "29100",
                 "ERLMCP_DIST_LISTEN_MAX": "29110", "ERLMCP_HTTP_PORT": "0"}
        self.node = subprocess.Popen(
            [program, "foreground"], stdout=subprocess.DEVNULL,
            env={**os.environ, **ports, "NOTIFY_SOCKET": path, "ERLANG_COOKIE": "secret",
                 "WATCHDOG_USEC": str(SHORT_WATCHDOG_US), "ERLMCP_DATA_DIR": directory + "/data",
                 "ERLMCP_NODE_NAME": "notify@127.0.0.1"})

    def listen(self):
        try:
            while True:
                self.said.put(self.socket.recv(4096).decode())
        except OSError:
            pass  # closed

    def until(self, wanted):
        """Await a message that begins so."""
        while not self.said.get(timeout=PATIENCE_S).startswith(wanted):
            pass

    def silence(self):
        """Is nothing said for several beats' time, once what was under way has come?"""
        try:
            for _ in range(LEFT_OVER_MAX):
                self.said.get(timeout=SHORT_WATCHDOG_US * 5 / 1e6)
            return False
        except queue.Empty:
            return True

    def close(self):
        self.node.send_signal(signal.SIGCONT)
        self.node.terminate()
        self.node.wait(PATIENCE_S)
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def test_notify():
    """a node says ready, its state, that it lives, and that it stops; one that hangs says nothing"""
    with tempfile.TemporaryDirectory(prefix="erlmcp-notify-") as directory:
        manager = Manager(directory)
        try:
            manager.until("READY=1")
            manager.until("STATUS=serving: ")
            manager.until("WATCHDOG=1")
            manager.node.send_signal(signal.SIGSTOP)
            assert manager.silence()
            manager.node.send_signal(signal.SIGCONT)
            manager.until("WATCHDOG=1")
            manager.node.terminate()
            manager.until("STOPPING=1")
            assert manager.node.wait(PATIENCE_S) == 0
        finally:
            manager.close()


if __name__ == "__main__":
    tap.main(globals())
