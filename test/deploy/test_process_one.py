"""Our unit under a real systemd, which is process 1 of a copy of this machine that is thrown away.

The copy is an overlay over / in namespaces of its own, with a control group and a network of its own.
Of this machine's units it starts none: a target of ours wants the journal and a script, whose end is
the end of process 1. The node is that of the package, with the package's unit.
"""

import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import tap  # noqa: E402 (the path comes first)
from test_package import package, why_not  # noqa: E402

STORY_MAX_S = 400

# What process 1 is told to start.
TARGET = """\
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service story.service
"""
STORY = f"""\
[Unit]
DefaultDependencies=no
After=systemd-journald.service
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash -e -o pipefail /story/script
StandardOutput=append:/story/said
StandardError=append:/story/said
TimeoutStartSec={STORY_MAX_S}
"""

# Outside: the copy, and a control group that is removed again.
OUTSIDE = r"""
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/groups"
mount -t cgroup2 none "$1/groups"
group=$1/groups/erlmcp-process-one-$$
mkdir "$group"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
ip link set lo up
code=0
(
    echo $BASHPID >"$group/cgroup.procs"
    exec timeout -k 5 "$3" unshare --cgroup --pid --uts --ipc --mount --fork --kill-child \
        bash -c "$4" inside "$1/root" "$2"
) || code=$?
for _ in $(seq 50); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
done
exit $code
"""

# Inside: what a container's process 1 expects to find, and nothing of this machine that it could set.
INSIDE = r"""
set -e
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
for place in run dev tmp; do mount -t tmpfs -o mode=755 none $place; done
chmod 1777 tmp
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts old story
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --bind "$2" story
: >etc/fstab
rm -rf usr/lib/systemd/system-generators etc/systemd/system etc/systemd/system-generators
find usr/lib/systemd/system -name '*.wants' -prune -exec rm -rf {} +
mkdir -p etc/systemd/system
cp story/story.target story/story.service etc/systemd/system
chroot . dpkg --no-triggers -i /story/erlmcp.deb >story/said 2>&1
pivot_root . old
umount -l /old
exec env -i container=erlmcp PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=story.target --show-status=0
"""

# The manager is less patient than by our unit, so that the story is short; all else is as installed.
LIFE = r"""
trap 'systemctl status erlmcp; journalctl -q -o cat -n 20' ERR
await() { # a condition
    for _ in $(seq 900); do
        eval "$1" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "never: $1"
    false
}
serving() { erlmcp-admin cluster status; }
of() { systemctl show erlmcp -p "$1" --value; }
restarts() { [ "$(of NRestarts)" -ge "$1" ]; }
now() { echo "$1: $(of ActiveState) $(of ExecMainStatus)"; }

mkdir -p /etc/systemd/system/erlmcp.service.d
printf '[Service]\nWatchdogSec=5\n' >/etc/systemd/system/erlmcp.service.d/short.conf
cat >>/etc/erlmcp/erlmcp.env <<END
ERLMCP_NODE_NAME=erlmcp@127.0.0.1
ERLANG_COOKIE="a secret of the story"
END
systemctl daemon-reload

systemctl start erlmcp
now started
await serving
await "of StatusText | grep 'serving: leader'"
erlmcp config 2>/dev/null | grep -o 'environment ERLANG_COOKIE'
erlmcp eval 'erlmcp_session:create(#{client => me}).' | grep -o '^{ok'
process=$(of MainPID)
grep -E 'CapBnd|NoNewPrivs|^Seccomp:' "/proc/$process/status" | tr -s '\t\n' ' '
echo
cd "/proc/$process/root" # files as the node sees them
bash -c 'echo >etc/erlmcp/written' 2>&1 || true
echo >var/lib/erlmcp/written
echo >var/log/erlmcp/written
cd /

kill -STOP "$process"
await 'restarts 1'
await serving
await "journalctl -q -u erlmcp -o cat | grep 'Watchdog timeout'"
echo "after the watchdog: $(erlmcp eval 'erlmcp_session:count().')"
systemctl kill --signal=KILL erlmcp
await 'restarts 2'
await serving
echo "after a kill: $(erlmcp eval 'erlmcp_session:count().')"

erlmcp stop
await '! systemctl is-active erlmcp'
sleep 2 # twice RestartSec
now told
systemctl start erlmcp
await serving
systemctl stop erlmcp
now stopped
echo SHUTDOWN_DELAY=never >>/etc/erlmcp/erlmcp.env
systemctl start erlmcp || true
sleep 2
now wrong

sed -i /never/d /etc/erlmcp/erlmcp.env
systemctl enable --now erlmcp
dpkg --no-triggers -P erlmcp
now purged
test ! -e /etc/systemd/system/multi-user.target.wants/erlmcp.service && echo not enabled
"""
WANTED = ("started: active 0", "environment ERLANG_COOKIE", "{ok",
          "CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2",
          "etc/erlmcp/written: Read-only file system", "after the watchdog: 1",
          "after a kill: 1", "told: inactive 0", "stopped: inactive 0", "wrong: failed 78", "purged: inactive", "not enabled")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def why_not_here():
    reason = why_not()
    if not reason and not os.path.exists("/lib/systemd/systemd"):
        reason = "no systemd here"
    if not reason:
        with tempfile.TemporaryDirectory(prefix="erlmcp-process-one-") as directory:
            mounted = subprocess.run(["unshare", "--mount", "--cgroup", "mount", "-t", "cgroup2", "none",
                                      directory], capture_output=True, text=True, check=False)
        reason = mounted.stderr.strip() if mounted.returncode != 0 else None
    return reason


def life():
    """What the story says, and the exit code of process 1."""
    with tempfile.TemporaryDirectory(prefix="erlmcp-process-one-") as directory:
        story = os.path.join(directory, "story")
        os.makedirs(story)
        os.rename(package(os.path.join(directory, "out")), os.path.join(story, "erlmcp.deb"))
        for name, text in (("story.target", TARGET), ("story.service", STORY), ("script", LIFE)):
            write(os.path.join(story, name), text)
        copy = os.path.join(directory, "copy")
        os.makedirs(copy)
        done = subprocess.run(["unshare", "--mount", "--net", "bash", "-c", OUTSIDE, "outside",
                               copy, story, str(STORY_MAX_S), INSIDE], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        said = os.path.join(story, "said")
        text = read(said) if os.path.exists(said) else ""
    return done.returncode, text + done.stderr


def test_life():
    """a node under systemd: ready, sandboxed, watched, started again, told to stop, removed"""
    reason = why_not_here()
    if reason:
        raise tap.Skip(reason)
    code, text = life()
    assert code == 0, text
    lines = iter(text.splitlines())
    for wanted in WANTED:
        assert any(wanted in line for line in lines), f"no {wanted!r} (in this order) in:\n{text}"


if __name__ == "__main__":
    tap.main(globals())
