"""A machine with Debian's own kernel, booted in QEMU for as long as the scripts of guest/ take.

The kernel on which the tests run may lack what an instrument has: raw flash, FAT, a parser for partition
tables, device-mapper, an ext4 as old as the field's. So Debian's kernel package is unpacked (never installed)
into build-kernel/, and booted without KVM, so that it works in any container. The initramfs is made on the
spot: busybox, the modules with what they depend on, gmi and gmid of the release build and a few tools, each
with its shared libraries, and guest/. The machine's second serial port carries the outcome of each script,
the first one its console.
"""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).resolve().parent / "guest"
CACHE = ROOT / "build-kernel"
RELEASE = Path(os.environ.get("GMI_BUILD_RELEASE", ROOT / "build-release"))
PATIENCE = 400  # seconds until the machine counts as hung; nothing here measures speed
DISK_LENGTH = 256 << 20

MODULES = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii", "loop", "mtdram",
           "nandsim", "mtdblock"]
# Debian's tools that the scripts judge by. Those that busybox has as well come from busybox.
TOOLS = ["mkfs.ext4", "e2fsck", "mkfs.vfat", "fsck.vfat", "sfdisk", "resizepart", "strace", "mtd_debug", "flash_erase",
         "nandwrite", "nanddump", "mtdinfo"]


class Missing(Exception):
    """What this machine lacks for these tests, as a sentence."""


@dataclass
class Outcome:
    status: int  # exit status of the script, 0 is success
    said: str


def run(*words: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{words[0]} failed: {done.stderr.strip()[-500:]}"
    return done.stdout


def downloaded_kernel() -> Path:
    """The package that linux-image-amd64 stands for today, as a file in CACHE."""
    listed = run("apt-cache", "depends", "linux-image-amd64")
    run("apt-get", "download", re.search(r"Depends: (linux-image-\d\S+)", listed)[1], cwd=CACHE)
    return next(CACHE.glob("*.deb"))


def unpacked_kernel() -> Path:
    """The folder with boot/ and lib/modules/ of the kernel that was unpacked once, now or earlier."""
    if not (CACHE / "root").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir()
        try:
            # What apt knows may be older than what the mirrors have.
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
            package = downloaded_kernel()
        except (AssertionError, TypeError, OSError) as error:
            raise Missing(f"the package linux-image-amd64 is not to be had here ({error})") from None
        run("dpkg-deb", "-x", package, CACHE / "fresh")
        (CACHE / "fresh").rename(CACHE / "root")
        package.unlink()
    return CACHE / "root"


class Modules:
    """The kernel's modules and what each depends on, as it says itself (Debian makes modules.dep at installation)."""

    def __init__(self, kernel: Path) -> None:
        self.folder = next((kernel / "lib/modules").iterdir())
        self.files = {path.stem.replace("-", "_"): path for path in self.folder.rglob("*.ko")}
        built_in = (self.folder / "modules.builtin").read_text().split()
        self.built_in = {Path(name).stem.replace("-", "_") for name in built_in}

    def needs(self, name: str) -> list[str]:
        said = re.search(rb"\0depends=([^\0]*)\0", self.files[name].read_bytes())[1].decode()
        return [word.replace("-", "_") for word in said.split(",") if word]

    def with_dependencies(self, name: str) -> list[str]:
        """The module and all that it needs, the neediest first, as modules.dep wants it."""
        order: list[str] = []
        for one in [name, *(further for need in self.needs(name) for further in self.with_dependencies(need))]:
            if one in order:
                order.remove(one)
            order.append(one)
        return order

    def install(self, root: Path) -> None:
        target = root / "lib/modules" / self.folder.name
        target.mkdir(parents=True)
        wanted = [name for name in (module.replace("-", "_") for module in MODULES) if name not in self.built_in]
        chosen = {one for name in wanted for one in self.with_dependencies(name)}
        lines = []
        for name in sorted(chosen):
            shutil.copy(self.files[name], target)
            own, *others = (self.files[one].name for one in self.with_dependencies(name))
            lines.append(f"{own}: {' '.join(others)}\n")
        (target / "modules.dep").write_text("".join(lines))


def install_program(root: Path, program: Path) -> None:
    """A program and the shared libraries that ldd names, each where it looks for them."""
    shutil.copy(program, root / "bin" / program.name)
    for library in re.findall(r"(/\S+) \(0x", run("ldd", program)):
        target = root / library.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)


def make_initramfs(kernel: Path, folder: Path) -> Path:
    root = folder / "root"
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "run", "mnt", "usr/lib", "usr/lib64"):
        (root / name).mkdir(parents=True)
    for link, target in (("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin"), ("lib", "usr/lib"),
                         ("lib64", "usr/lib64")):
        (root / link).symlink_to(target)
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    for tool in ["busybox", *TOOLS]:
        found = shutil.which(tool, path=path)
        assert found, f"{tool} is not installed; tools/install-packages test does it"
        if tool == "busybox":
            shutil.copy(found, root / "bin/busybox")
        else:
            install_program(root, Path(found))
    for program in ("src/cli/gmi", "src/gmid/gmid"):
        install_program(root, RELEASE / program)
    run("cc", "-static", "-O1", "-Wall", "-Werror", "-o", root / "bin/fsctl", GUEST / "fsctl.c")
    Modules(kernel).install(root)
    shutil.copytree(GUEST, root / "guest")
    (root / "init").symlink_to("guest/init")
    image = folder / "initramfs"
    with open(image, "wb") as out:
        listed = subprocess.run(["find", ".", "-print0"], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=root, check=True,
                       input=listed, stdout=out)
    shutil.rmtree(root)
    return image


def boot(folder: Path, scripts: list[str]) -> dict[str, Outcome]:
    """Boots once, runs the scripts one after the other, and returns what became of each."""
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu or platform.machine() != "x86_64":
        raise Missing("qemu-system-x86_64 and gmi built for it are needed to boot another kernel")
    kernel = unpacked_kernel()
    initramfs = make_initramfs(kernel, folder)
    disk, console, results = folder / "disk.img", folder / "console", folder / "results"
    with open(disk, "wb") as out:
        out.truncate(DISK_LENGTH)
    command = [
        qemu, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "q35",
        "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024",
        "-kernel", next(kernel.glob("boot/vmlinuz-*")), "-initrd", initramfs,
        "-append", f"console=ttyS0 quiet panic=-1 mitigations=off gmi.scripts={','.join(scripts)}",
        "-serial", f"file:{console}", "-serial", f"file:{results}",
        "-drive", f"file={disk},format=raw,if=none,id=disk,cache=unsafe,discard=unmap",
        "-device", "virtio-blk-pci,drive=disk"]
    try:
        subprocess.run([str(word) for word in command], check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        pass  # the scripts that did not end say so themselves
    disk.unlink()
    return outcomes(scripts, results, console)


def outcomes(scripts: list[str], results: Path, console: Path) -> dict[str, Outcome]:
    told = results.read_text(errors="replace").replace("\r", "")
    tail = console.read_text(errors="replace")[-3000:]
    found = {}
    for name in scripts:
        part = re.search(rf"^== begin {name}\n(.*?)(?:^== end {name} (\d+)$|\Z)", told, re.M | re.S)
        if not part or part[2] is None:
            said = part[1] if part else "it was never begun\n"
            found[name] = Outcome(-1, f"{said}... and the machine ended or hung. Its console:\n{tail}")
        else:
            found[name] = Outcome(int(part[2]), part[1])
    return found
