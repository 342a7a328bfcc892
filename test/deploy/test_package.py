"""The Debian package: installed, used, removed and purged on a copy of this machine that is thrown away.

The copy is an overlay over / in a mount namespace of its own, with a network of its own.
"""

import glob
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import tap  # noqa: E402 (the path comes first)

STEP_MAX_S = 400

# Runs standard input as a script in a copy of / whose changes are kept in memory.
COPY = r"""
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/tmp"
mount -t tmpfs none "$1/root/run"
cp "$2" "$1/root/tmp/erlmcp.deb"
ip link set lo up
exec chroot "$1/root" /bin/bash -e -o pipefail -s
"""


def in_copy(package, script):
    """Output of a script that runs as root on the copy, where /tmp/erlmcp.deb is the package."""
    with tempfile.TemporaryDirectory(prefix="erlmcp-package-") as directory:
        done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                               "bash", "-c", COPY, "copy", directory, package],
                              input=script, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=STEP_MAX_S, check=False)
    return done.returncode, done.stdout


def why_not():
    if os.geteuid() != 0:
        return "needs root for a mount namespace"
    with tempfile.TemporaryDirectory(prefix="erlmcp-package-") as directory:
        mounted = subprocess.run(["unshare", "--mount", "sh", "-c",
                                  "mount -t tmpfs none $1 && mkdir $1/u $1/w $1/r && mount -t overlay o "
                                  "-o lowerdir=/,upperdir=$1/u,workdir=$1/w $1/r", "try", directory],
                                 capture_output=True, text=True, check=False)
    return None if mounted.returncode == 0 else f"no overlay here: {mounted.stderr.strip()}"


def package(directory):
    subprocess.run([os.path.join(TOP, "tools", "package.sh"), os.environ["LAB_BUILD"], directory],
                   check=True, capture_output=True, timeout=STEP_MAX_S)
    return glob.glob(os.path.join(directory, "erlmcp_*.deb"))[0]


INSTALL = """
export DEBIAN_FRONTEND=noninteractive
dpkg --no-triggers -i /tmp/erlmcp.deb
erlmcp version
erlmcp-admin --help >/dev/null
dpkg-deb -c /tmp/erlmcp.deb | grep -o "man/man1/erlmcp-admin.1.gz"
dpkg-deb -c /tmp/erlmcp.deb | grep -o "bash-completion/completions/erlmcp-admin"
stat -c '%U %a' /var/lib/erlmcp /etc/erlmcp/erlmcp.env
setpriv --reuid erlmcp --regid erlmcp --clear-groups env HOME=/tmp ERLANG_COOKIE=secret \\
    ERLMCP_NODE_NAME=erlmcp@127.0.0.1 erlmcp start
for _ in $(seq 900); do erlmcp-admin cluster status >/dev/null && break; sleep 0.1; done
erlmcp eval 'erlmcp_session:count().'
erlmcp-admin cluster status | head -n 1
erlmcp stop
echo '# an operator' >>/etc/erlmcp/erlmcp.env
"""

REMOVE = """
dpkg --no-triggers -i --force-confold /tmp/erlmcp.deb >/dev/null
grep -c 'an operator' /etc/erlmcp/erlmcp.env
dpkg -r erlmcp >/dev/null
test ! -e /opt/erlmcp/bin/erlmcp && test ! -e /usr/bin/erlmcp && echo programs are gone
test -s /etc/erlmcp/erlmcp.env && ls /var/lib/erlmcp/raft >/dev/null && echo settings and data stay
dpkg -P erlmcp
test ! -e /etc/erlmcp/erlmcp.env && test ! -e /var/log/erlmcp && test -d /var/lib/erlmcp/raft && echo data stay
"""


def test_package():
    """the package installs, its node serves as its own user, and nothing of an operator's is deleted"""
    reason = why_not()
    if reason:
        raise tap.Skip(reason)
    with tempfile.TemporaryDirectory(prefix="erlmcp-deb-") as directory:
        code, text = in_copy(package(os.path.join(directory, "out")), INSTALL + REMOVE)
    assert code == 0, text
    lines = iter(text.splitlines())
    for wanted in ("set the cluster in /etc/erlmcp/erlmcp.env", "man1/erlmcp-admin.1.gz",
                   "completions/erlmcp-admin", "erlmcp 750", "root 640", "0",
                   "erlmcp@127.0.0.1: serving", "1", "programs are gone", "settings and data stay",
                   "the node's data stay in /var/lib/erlmcp", "data stay"):
        assert any(wanted in line for line in lines), f"no {wanted!r} (in this order) in:\n{text}"


if __name__ == "__main__":
    tap.main(globals())
