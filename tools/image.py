"""Assembles the root file system of the container image from this machine's own packages.

    image.py BUILD_DIRECTORY OUTPUT.tar

The image is our programs, the few tools that the runbooks call inside a container, and the
libraries that these need, copied from where they are installed: no registry, no base image. The
archive is written by hand, so neither root nor a staging tree is needed: owners, modes and file
capabilities are what ENTRIES and CAPABILITIES say. Equal inputs give equal bytes.
"""

import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The node's user. A number that no host has by accident: a data volume shows whose it is.
USER_ID = 10001
SIZE_MAX = 40 << 20
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13

# Programs of other packages: where they go.
# What starts other programs is not busybox's: that prefers its own applets to what stands in PATH.
PROGRAMS = {"tini": "/usr/bin", "dash": "/usr/bin", "env": "/usr/bin", "timeout": "/usr/bin",
            "busybox": "/usr/bin", "ping": "/usr/bin", "netstat": "/usr/bin", "ip": "/usr/sbin",
            "tc": "/usr/sbin"}
# What may do more than its user: (permitted, effective). ping raises its capability itself, and
# does without where a container is not given it; tc cannot, and fails to start there.
CAPABILITIES = {"/usr/bin/ping": (1 << CAP_NET_RAW, False),
                "/usr/sbin/tc": (1 << CAP_NET_ADMIN, True)}
DIRECTORIES = {"/dev": 0o755, "/etc": 0o755, "/opt": 0o755, "/proc": 0o555, "/run": 0o755,
               "/sys": 0o555, "/tmp": 0o1777, "/usr": 0o755, "/var": 0o755}
LINKS = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/usr/bin/sh": "dash", "/lib": "usr/lib",
         "/lib64": "usr/lib64", "/var/run": "/run"}
TEXTS = {
    "/etc/passwd": "root:x:0:0:root:/:/bin/sh\n"
                   f"erlmcp:x:{USER_ID}:{USER_ID}:erlmcp:/opt/erlmcp/data:/bin/sh\n",
    "/etc/group": f"root:x:0:\nerlmcp:x:{USER_ID}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
# Directories of the release that the node writes.
WRITABLE = ("/opt/erlmcp/data", "/opt/erlmcp/log")


class Missing(Exception):
    """Something that the image needs is not installed here."""


def find_program(name):
    """Where a program of another package is installed."""
    for directory in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise Missing(f"{name} is not installed: tools/deps.sh tools/packages-image.txt")


def libraries(path):
    """The shared libraries and the loader of a program; none of a static one."""
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    if "not found" in done.stdout:
        raise Missing(f"{path} lacks libraries: {done.stdout}")
    return re.findall(r"(/\S+) \(0x", done.stdout) if done.returncode == 0 else []


def contents(path):
    """The bytes of a file; of a program of ours without what only a debugger reads."""
    with open(path, "rb") as file:
        data = file.read()
    if b".debug_info" not in data or not data.startswith(b"\x7fELF"):
        return data
    with tempfile.NamedTemporaryFile(prefix="erlmcp-image-") as copy:
        subprocess.run(["strip", "--strip-debug", "-o", copy.name, path], check=True)
        with open(copy.name, "rb") as file:
            return file.read()


def canonical(path):
    """A path of this machine as the image has it: /lib and /bin are links into /usr."""
    return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", path)


class Root:
    """A root file system in the making: path -> a function that makes its archive entry."""

    def __init__(self, when):
        self.when = when
        self.entries = {}
        self.sources = set()

    def add(self, path, kind, mode, data=b"", target="", owner=0):
        info = tarfile.TarInfo(path.lstrip("/"))
        info.type, info.mode, info.linkname, info.size = kind, mode, target, len(data)
        info.uid = info.gid = owner
        info.mtime = self.when
        if path in CAPABILITIES:
            permitted, effective = CAPABILITIES[path]
            # struct vfs_cap_data, revision 2; all its bytes are ASCII, which a pax header needs
            value = struct.pack("<IIIII", 0x02000000 | effective, permitted, 0, 0, 0)
            info.pax_headers["SCHILY.xattr.security.capability"] = value.decode("ascii")
        self.entries[path] = (info, data)

    def directory(self, path, mode=0o755, owner=0):
        parent = os.path.dirname(path)
        if parent not in self.entries and parent != "/":
            self.directory(parent)
        self.add(path, tarfile.DIRTYPE, mode, owner=owner)

    def link(self, path, target):
        self.add(path, tarfile.SYMTYPE, 0o777, target=target)

    def file(self, path, source, mode=None):
        """Copy a file of this machine."""
        parent = os.path.dirname(path)
        if parent not in self.entries:
            self.directory(parent)
        mode = mode or os.stat(source).st_mode & 0o755
        self.add(path, tarfile.REGTYPE, mode, contents(source))

    def text(self, path, text):
        self.add(path, tarfile.REGTYPE, 0o644, text.encode())

    def foreign(self, path, source, mode=None):
        """Copy a file that belongs to another package."""
        self.file(path, source, mode)
        self.sources.add(source)

    def need(self, program):
        """Copy the libraries of a program."""
        for library in libraries(program):
            if canonical(library) not in self.entries:
                self.foreign(canonical(library), library, 0o755)

    def write(self, output):
        """Write the archive, parents first; return its size."""
        with tarfile.open(output, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(self.entries):
                info, data = self.entries[path]
                archive.addfile(info, io.BytesIO(data))
        return os.path.getsize(output)


def add_base(root):
    """What every root file system has."""
    for path, mode in DIRECTORIES.items():
        root.directory(path, mode)
    for path, target in LINKS.items():
        root.link(path, target)
    for path, text in TEXTS.items():
        root.text(path, text)
    root.foreign("/etc/os-release", "/etc/os-release", 0o644)


def add_programs(root):
    """Programs of other packages; busybox under each of its names that is still free."""
    for name, where in PROGRAMS.items():
        source = find_program(name)
        root.foreign(os.path.join(where, name), source, 0o755)
        root.need(source)
    names = subprocess.run([find_program("busybox"), "--list"], capture_output=True, text=True,
                           check=True).stdout.split()
    for name in names:
        path = os.path.join("/usr/bin", name)
        if name not in PROGRAMS and path not in root.entries:
            root.link(path, "busybox")


def add_release(root, build):
    """Our own programs and scripts, as `make install` lays them out."""
    with tempfile.TemporaryDirectory(prefix="erlmcp-image-") as staging:
        subprocess.run([os.path.join(TOP, "tools", "install.sh"), build, staging, "/opt/erlmcp"],
                       check=True, stdout=subprocess.DEVNULL)
        for directory, names, files in os.walk(staging):
            names.sort()
            inside = directory[len(staging):] or "/"
            if inside not in ("/", "/opt"):
                root.directory(inside, 0o750 if inside in WRITABLE else 0o755,
                               USER_ID if inside in WRITABLE else 0)
            for name in files:
                root.file(os.path.join(inside, name), os.path.join(directory, name))
    for name in ("erlmcp", "erlmcp-admin", "epmd", "erl"):
        root.need(os.path.join(build, "src", "cmd", name))
    # Before the real one in PATH.
    root.file("/usr/local/sbin/tc", os.path.join(TOP, "deploy", "docker", "tc"), 0o755)


def owners(paths):
    """Names of the packages that files of this machine belong to."""
    # dpkg knows each file by one name only, with or without /usr in front.
    names = set(paths) | {canonical(path) for path in paths}
    names |= {path[len("/usr"):] for path in names if path.startswith("/usr/")}
    done = subprocess.run(["dpkg-query", "-S", *sorted(names)], capture_output=True, text=True,
                          check=False)
    return set(re.findall(r"^([a-z0-9][a-z0-9.+-]*)(?::\w+)?: /", done.stdout, re.MULTILINE))


def add_origins(root):
    """Which packages the files of others come from, in which version, and their licences."""
    found = owners(root.sources)
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *sorted(found)],
                           capture_output=True, text=True, check=True).stdout
    root.text("/opt/erlmcp/packages.txt", "".join(sorted(set(shown.splitlines(True)))))
    for name in found:
        licence = f"/usr/share/doc/{name}/copyright"
        if os.path.exists(licence):
            root.foreign(licence, os.path.realpath(licence), 0o644)
    root.file("/usr/share/doc/erlmcp/copyright", os.path.join(TOP, "LICENSE"), 0o644)


def made_at():
    """The time of all files: that of the commit, or SOURCE_DATE_EPOCH; 0 where neither is known."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    done = subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%ct"], capture_output=True,
                          text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else 0


def main(build, output):
    root = Root(made_at())
    try:
        add_base(root)
        add_release(root, os.path.abspath(build))
        add_programs(root)
        add_origins(root)
    except Missing as why:
        sys.exit(f"image: {why}")
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    size = root.write(output + ".new")
    if size > SIZE_MAX:
        sys.exit(f"image: {size} bytes are more than {SIZE_MAX}")
    os.replace(output + ".new", output)
    print(f"{output}: {size / 1e6:.1f} MB, {len(root.entries)} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
