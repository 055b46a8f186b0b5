"""A virtual device that lives: its disk on a loop device, mounted as on the reference device, with services.

    DIR/disk.img     on a loop device with its partitions
    DIR/root/NAME    each partition whose filesystem this kernel knows; systems read-only, the others read-write
    DIR/root/etc     an overlay: /etc of system0 below, config/overlay/etc above
    DIR/run          a tmpfs: gmi's runtime folder, the services' ledgers; empty after a restart
    DIR/live.ini     the profile; DIR/live.json: how `up` was called, there until `down` is through

Nothing is remembered of what was done: every command looks at what is there, so it can be called after
anything. Everything below here is looked for by DIR's path.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import kernel
from init import Init, Service
from kernel import Loop, Trouble, run
from layout import Layout
from services import ledger

HERE = Path(__file__).resolve().parent
READ_ONLY = ("system0", "system1")
ROLES = ("log", "database", "mapped", "measurements", "settings", "churn", "deleted")


@dataclass
class Settings:
    rest: str = "remount-ro"  # how the profile brings mounted filesystems to rest; none: the hook does it
    stubborn: list[str] = field(default_factory=list)  # roles that the hooks do not stop
    pace: float = 0.02  # seconds between two steps of a service
    roles: list[str] = field(default_factory=lambda: list(ROLES))


class LivingDevice:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.disk = self.folder / "disk.img"
        self.root = self.folder / "root"
        self.run = self.folder / "run"
        self.ledgers = self.run / "ledger"
        self.layout = Layout.load(self.folder)
        path = self.folder / "live.json"
        self.settings = Settings(**json.loads(path.read_text())) if path.exists() else Settings()

    # ---- up ----

    def up(self, settings: Settings) -> None:
        """Makes what is missing."""
        self.settings = settings
        (self.folder / "live.json").write_text(json.dumps(asdict(settings)) + "\n")
        loop = kernel.loop_of(self.disk) or kernel.attach(self.disk)
        self._write_profile(loop)
        self._mount_run()
        self._mount_all(loop)
        self.init().start()

    def _mount_run(self) -> None:
        self.run.mkdir(exist_ok=True)
        if not kernel.mounts_below(self.run):
            run("mount", "-t", "tmpfs", "-o", "mode=755,size=64m", "gmi-live", self.run)

    def _mount_all(self, loop: Loop) -> None:
        kernel.add_partitions(loop, len(self.layout.partitions))
        mounted = {mount.point for mount in self.mounts()}
        for number, partition in enumerate(self.layout.partitions, 1):
            point = self.root / partition.name
            point.mkdir(parents=True, exist_ok=True)
            if point not in mounted:
                self._mount(loop.partition(number), point, "ro" if partition.name in READ_ONLY else "rw")
        self._mount_overlay()

    @staticmethod
    def _mount(device: Path, point: Path, options: str) -> None:
        """What this kernel cannot mount lies on the disk unmounted."""
        kind = run("blkid", "-p", "-s", "TYPE", "-o", "value", device, expect=False).strip()
        try:
            run("mount", "-o", options, device, point)
        except Trouble:
            if f"\t{kind}\n" in Path("/proc/filesystems").read_text():
                raise

    def _mount_overlay(self) -> None:
        upper, work = (self.root / "config/overlay/etc" / name for name in ("upper", "work"))
        lower, point = self.root / "system0/etc", self.root / "etc"
        if not (upper.is_dir() and work.is_dir() and lower.is_dir()):
            return
        point.mkdir(exist_ok=True)
        if not kernel.mounts_below(point):
            run("mount", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "overlay", point)

    def _write_profile(self, loop: Loop) -> None:
        hooks = HERE / "hooks-live"
        flash = "\n[disk flash]\npath = flash.img\ntype = flash\n" if (self.folder / "flash.img").exists() else ""
        (self.folder / "live.ini").write_text(f"""\
; The living virtual device. virtual/live writes this.
[device]
id = bb2241039
model = BactoBox (virtual, living)
software = v2026.02
runtime = run
lock = run/program.lock

[disk emmc]
path = {loop.path}
{flash}
; the systems are mounted read-only already
[mount *]
quiesce = {self.settings.rest}

[hooks]
busy = {hooks}/busy
quiesce = {hooks}/quiesce
release = {hooks}/release
restart = {hooks}/restart
hook_timeout = 60

[service]
listen = 127.0.0.1:8420
""")

    # ---- down ----

    def down(self) -> None:
        """Stops, unmounts and detaches; only what is its own, and as far as it can."""
        self._thaw()
        self.init().stop(stubborn_too=True)
        self._unmount_all()
        loop = kernel.loop_of(self.disk)
        if loop:
            kernel.remove_partitions(loop)
            kernel.detach(loop, self.disk)
        for mount in reversed(kernel.mounts_below(self.run)):
            kernel.unmount(mount.point)
        (self.folder / "live.json").unlink(missing_ok=True)

    def _thaw(self) -> None:
        """A gmid that was killed together with its guard may have left it frozen."""
        for mount in self.mounts():
            if mount.type != "overlay":
                kernel.thaw(mount.point)

    def _unmount_all(self) -> None:
        for mount in reversed(self.mounts()):
            kernel.unmount(mount.point)

    # ---- what the hooks do ----

    def quiesce(self) -> None:
        self.init().stop()
        if self.settings.rest == "none":
            for mount in reversed(self.writable()):
                run("mount", "-o", "remount,ro", mount.point)
        ledger.mark(self.ledgers, "quiet")

    def release(self) -> None:
        if not self.ledgers.exists():
            return  # restarted, or down: nothing to undo
        ledger.mark(self.ledgers, "release")
        if self.settings.rest == "none":
            for mount in self.mounts():
                if mount.type != "overlay" and mount.read_only and mount.point.name not in READ_ONLY:
                    run("mount", "-o", "remount,rw", mount.point)
        self.init().start()

    def restart(self) -> None:
        """What switching it off and on does. The loop device is the medium: it stays, what the kernel knows goes."""
        self._thaw()
        self.init().kill()
        self._unmount_all()
        loop = kernel.loop_of(self.disk)
        if not loop:
            raise Trouble("the device is not up")
        kernel.remove_partitions(loop)
        run("blockdev", "--flushbufs", loop.path)
        for path in sorted(self.run.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        self._mount_all(loop)
        self.init().start()

    # ---- what there is ----

    def mounts(self) -> list[kernel.Mount]:
        return kernel.mounts_below(self.root)

    def writable(self) -> list[kernel.Mount]:
        return [mount for mount in self.mounts() if mount.type != "overlay" and not mount.read_only]

    def init(self) -> Init:
        return Init(self.ledgers, self._services(), set(self.settings.stubborn), self.settings.pace)

    def _services(self) -> list[Service]:
        """Config has settings only, through the overlay; every other volume that can be written has all."""
        found = []
        for partition in self.layout.partitions:
            name = partition.name
            if name == "config":
                found.append(Service("settings", name, self.root / "etc", self.root / "etc/live", f"{name}:/overlay/etc/upper/live"))
            elif name not in READ_ONLY:
                found += [Service(role, name, self.root / name, self.root / name / "live" / role, f"{name}:/live/{role}")
                          for role in ROLES]
        return [service for service in found if service.role in self.settings.roles]

    def status(self) -> tuple[bool, list[str]]:
        """Whether it is up, and what there is."""
        loop = kernel.loop_of(self.disk)
        mounts, running = self.mounts(), self.init().running()
        lines = [f"disk      {loop.path if loop else 'not attached'}"]
        lines += [f"mounted   {mount.point.relative_to(self.root)}: {mount.type} on {mount.source}, "
                  f"{'read-only' if mount.read_only else 'read-write'}" for mount in mounts]
        lines += [f"{'runs' if name in running else 'stopped':<10}{name}"
                  for name in (service.name for service in self.init().services)]
        wanted = [service.name for service in self.init().services if service.mount.is_mount()]
        return bool(loop and mounts) and all(name in running for name in wanted), lines
