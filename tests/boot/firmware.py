"""A machine that starts from its disks by its firmware, OVMF or SeaBIOS: nothing is handed to QEMU but devices."""

import os
import shutil
import tempfile
import time

from appliance import ROOT, Client
import machine  # of images/, through appliance

IMAGES = os.path.join(ROOT, "build", "images")
OVMF = "/usr/share/OVMF"
TIMEOUT_S = 120
DEVICES = {"virtio": "virtio-blk-pci,disable-legacy=on", "ahci": "ide-hd", "nvme": "nvme,serial=jeton",
           "usb": "usb-storage", "cd": "ide-cd"}


class Disk:
    """A file and how it is attached; the one with `boot` is the firmware's first choice."""

    def __init__(self, kind, file, boot=False, file_format="raw", read_only=False):
        self.kind, self.file, self.boot, self.format, self.read_only = kind, file, boot, file_format, read_only

    def arguments(self, index):
        device = f"{DEVICES[self.kind]},drive=disk{index}"
        device += f",bus=ide.{index}" if self.kind in ("ahci", "cd") else ""
        device += ",bootindex=0" if self.boot else ""
        drive = f"if=none,id=disk{index},format={self.format},file={self.file}"
        drive += ",media=cdrom" if self.kind == "cd" else ",readonly=on" if self.read_only else ""
        controller = ["-device", "qemu-xhci"] if self.kind == "usb" else []
        return controller + ["-drive", drive, "-device", device]


class Firmware:
    """One machine with a directory of its own; a context manager that leaves nothing behind."""

    def __init__(self, uefi, disks, secure_vars=None, kernel=None, memory_mib=128, network_boot=None):
        self.uefi, self.disks, self.secure_vars, self.kernel = uefi, disks, secure_vars, kernel
        self.network_boot = network_boot  # a file of build/images, offered by TFTP
        self.memory_mib = memory_mib
        self.directory = tempfile.mkdtemp(prefix="jeton-firmware-")
        self.console_path = os.path.join(self.directory, "console.log")
        self.process = self.port = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def firmware_arguments(self):
        if self.kernel:
            return ["-M", "q35", "-kernel", self.kernel]
        if not self.uefi:
            return ["-M", "q35"]
        variables = os.path.join(self.directory, "vars.fd")
        if not os.path.exists(variables):
            shutil.copyfile(self.secure_vars or f"{OVMF}/OVMF_VARS_4M.fd", variables)
        code = f"{OVMF}/OVMF_CODE_4M.secboot.fd" if self.secure_vars else f"{OVMF}/OVMF_CODE_4M.fd"
        guard = ["-M", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
        return [*(guard if self.secure_vars else ["-M", "q35"]), "-global", "ICH9-LPC.disable_s3=1",
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
                "-drive", f"if=pflash,unit=1,format=raw,file={variables}"]

    def command(self):
        disks = [word for index, disk in enumerate(self.disks) for word in disk.arguments(index)]
        accel = os.environ.get("JETON_ACCEL", "tcg")
        cpu = "host,-arch-capabilities" if accel == "kvm" else "max"
        return ["qemu-system-x86_64", *self.firmware_arguments(), "-accel", accel, "-cpu", cpu, "-m", str(self.memory_mib),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "file:" + self.console_path,
                *self.network_arguments(), "-device", "virtio-rng-pci,disable-legacy=on",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", *disks]

    def network_arguments(self):
        """With network boot: by the firmware itself for a program, by iPXE in the card's ROM for a script."""
        offer = f",tftp={IMAGES},bootfile={self.network_boot}" if self.network_boot else ""
        rom = "" if (self.network_boot or "").endswith(".ipxe") else ",romfile="
        first = ",bootindex=0" if self.network_boot else ""
        return ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.port}-:443{offer}",
                "-device", f"virtio-net-pci,netdev=net,disable-legacy=on{rom}{first}"]

    def start(self):
        self.port = next(machine.random_ports())
        with open(self.console_path, "w", encoding="ascii"):
            pass
        self.process = machine.start(self.command(), self.directory, False)

    def up(self):
        """Start, and wait until it serves: a Client that trusts its certificate."""
        self.start()
        _, fingerprint = machine.wait_ready(self.process, self.console_path, self.directory, TIMEOUT_S)
        ca_file = os.path.join(self.directory, "ca.pem")
        machine.fetch_certificate("127.0.0.1", self.port, fingerprint, ca_file)
        return Client(f"https://127.0.0.1:{self.port}", ca_file)

    def wait_for(self, *words, timeout_s=TIMEOUT_S):
        """Poll the console until one of the words is there; the console."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not any(word in self.console() for word in words):
            if self.process.poll() is not None:
                time.sleep(0.1)
                break
            time.sleep(0.05)
        return self.console()

    def console(self):
        return machine.read_text(self.console_path).replace("\r", "")

    def credential(self):
        """The root credential that this machine showed, if it did."""
        machine.keep_credential(self.directory, self.console())
        found = machine.read_json(os.path.join(self.directory, "credential.json"))
        return (found["client_id"], found["client_secret"]) if found else None

    def kill(self):
        """Cut the power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
