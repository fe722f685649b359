"""Boot one instance of Jeton and speak to it: shared by images/run and images/rig.

An instance lives in a state directory (mode 0700):

  pflash.img, disk.img, flash.img   the flash: of QEMU's pflash, of its disk, of the Linux process
  console.log, console.last.log     what this boot and the one before said
  monitor.log                       what QEMU itself said
  credential.json                   the root credential, as the first boot showed it (mode 0600)
  ca.pem                            the certificate, saved only after its fingerprint matched the console's
  lock                              held while an instance is started

Only Python's standard library.
"""
import ctypes
import fcntl
import hashlib
import json
import os
import random
import re
import select
import signal
import socket
import ssl
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMAGE = os.path.join(ROOT, "build", "jeton.elf")
PROGRAM = os.path.join(ROOT, "build", "linux", "jeton")
BIOS_FOLDERS = ("/usr/share/seabios", "/usr/share/qemu", "/usr/local/share/qemu", "/usr/share/qemu-efi")
PFLASH_BYTES = 8 << 20  # both units together, firmware included
DISK_MIB = 16  # of a new disk, where nothing else is asked for
READY = re.compile(r"^jeton: ready url=https://([0-9.]+):(\d+) fingerprint=sha256:([0-9a-f]{64})\s*$", re.M)
ROOT_TOKEN = re.compile(r"^jeton: root client_id=([0-9a-f]{32}) client_secret=([0-9a-f]{36}) "
                        r"tenant=([0-9a-f-]{36})\s*$", re.M)
POLL_S = 0.002
PORT_TAKEN = "Could not set up host forwarding rule"


class BootError(Exception):
    """The instance did not come up; the text says why, and what the console said last."""


# ---- the state directory ----


def state_path(state, name):
    return os.path.join(state, name)


def open_state(state):
    """Make the directory where there is none, and take its lock; the lock lasts as long as the returned file."""
    os.makedirs(state, mode=0o700, exist_ok=True)
    lock = open(state_path(state, "lock"), "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BootError(f"{state} is in use by another instance") from None
    return lock


def write_private(path, text):
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path + ".new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_json(path):
    """The file's value, or None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def keep_credential(state, console):
    """Save the root credential if this console shows one. A power cut may have come before: look at old consoles too."""
    found = ROOT_TOKEN.search(console)
    if found:
        client_id, client_secret, tenant = found.groups()
        write_private(state_path(state, "credential.json"),
                      json.dumps({"client_id": client_id, "client_secret": client_secret, "tenant": tenant}) + "\n")
    return found is not None


def new_console(state):
    """Put the last boot's console aside and start an empty one."""
    console = state_path(state, "console.log")
    keep_credential(state, read_text(console))
    if os.path.exists(console):
        os.replace(console, state_path(state, "console.last.log"))
    os.close(os.open(console, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    return console


# ---- QEMU ----


def find_bios():
    """SeaBIOS as the distribution installs it."""
    for folder in BIOS_FOLDERS:
        path = os.path.join(folder, "bios-256k.bin")
        if os.path.exists(path):
            return path
    raise BootError(f"bios-256k.bin is in none of {', '.join(BIOS_FOLDERS)}: install the package seabios")


def make_flash(state, disk, disk_mib=DISK_MIB):
    """The flash file of this state; a new one is blank: all ones for pflash, a hole for a disk."""
    path = state_path(state, "pflash.img" if disk == "pflash" else "disk.img")
    if os.path.exists(path):
        return path
    temporary = path + ".new"
    with open(temporary, "wb") as file:
        if disk == "pflash":
            file.write(b"\xff" * (PFLASH_BYTES - os.path.getsize(find_bios())))
        else:
            file.truncate(disk_mib << 20)
    os.chmod(temporary, 0o600)
    os.replace(temporary, path)
    return path


def disk_arguments(machine, disk, flash, blkdebug=None):
    """`blkdebug`: rules of QEMU's failing disk (docs/devel/blkdebug.txt), for tests."""
    if disk == "pflash":
        return ["-drive", f"if=pflash,unit=0,readonly=on,format=raw,file={find_bios()}",
                "-drive", f"if=pflash,unit=1,format=raw,file={flash}"]
    medium = (f"file={flash}" if blkdebug is None else
              f"file.driver=blkdebug,file.config={blkdebug},file.image.driver=file,file.image.filename={flash}")
    return ["-drive", f"if=none,id=disk,format=raw,{medium}", *disk_device(machine, disk)]


def disk_device(machine, disk):
    """The device that shows drive `disk` to the guest."""
    if disk == "nvme":
        return ["-device", "nvme,drive=disk,serial=jeton"]
    if disk == "ahci":
        controller = [] if machine == "q35" else ["-device", "ich9-ahci,id=ide"]
        return [*controller, "-device", "ide-hd,drive=disk,bus=ide.0"]
    device = "virtio-blk-device" if machine == "microvm" else "virtio-blk-pci,disable-legacy=on"
    return ["-device", f"{device},drive=disk"]


def machine_arguments(machine, nic):
    if machine == "microvm":
        return ["-M", "microvm,acpi=off,rtc=on,isa-serial=on", "-global", "virtio-mmio.force-legacy=false",
                "-device", "virtio-net-device,netdev=net", "-device", "virtio-rng-device"]
    # romfile= leaves out the network boot ROM, which SeaBIOS would run first.
    card = "virtio-net-pci,disable-legacy=on" if nic == "virtio" else nic
    return ["-M", machine, "-device", f"{card},netdev=net,romfile=",
            "-device", "virtio-rng-pci,disable-legacy=on"]


def qemu_command(settings, state, flash, port):
    """The whole command line; `settings` has machine, disk, memory_mib, accel and options (name=value words)."""
    # Nested hosts refuse the MSR of arch-capabilities, and the image does not read it.
    accel = (["-accel", "kvm", "-cpu", "host,-arch-capabilities"] if settings["accel"] == "kvm" else
             ["-accel", "tcg", "-cpu", "max"])
    return ["qemu-system-x86_64", *machine_arguments(settings["machine"], settings.get("nic", "virtio")), *accel,
            "-m", str(settings["memory_mib"]),
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-serial", "file:" + state_path(state, "console.log"),
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:443",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            *disk_arguments(settings["machine"], settings["disk"], flash, settings.get("blkdebug")),
            *settings.get("qemu", []),
            "-kernel", settings.get("image") or IMAGE, "-append", " ".join(settings["options"])]


def die_with_parent():
    """In the child: end when the process that started it does, however it ends (Linux, prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def start(command, state, own_life, log="monitor.log"):
    """Start the instance in a session of its own, away from the terminal's Ctrl-C. JETON_RIG_STATE marks it."""
    environment = dict(os.environ, JETON_RIG_STATE=state)
    with open(state_path(state, log), "ab", opener=private_opener) as output:
        try:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                                    start_new_session=True, preexec_fn=None if own_life else die_with_parent)
        except FileNotFoundError:
            raise BootError(f"{command[0]} is not there: install it or build it first (make image linux)") from None


def private_opener(path, flags):
    return os.open(path, flags, 0o600)


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def random_ports():
    """Free ports below the range that outgoing connections use; another rig may still be faster."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        if port_is_free(port):
            yield port


def boot_qemu(settings, state, ports, own_life):
    """Start QEMU on the first of `ports` that works; (process, flash file, url, fingerprint)."""
    flash = make_flash(state, settings["disk"], settings.get("disk_mib") or DISK_MIB)
    for port in ports:
        console = new_console(state)
        os.close(os.open(state_path(state, "monitor.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        process = start(qemu_command(settings, state, flash, port), state, own_life)
        try:
            _, fingerprint = wait_ready(process, console, state, settings["timeout_s"])
        except BootError as error:
            if PORT_TAKEN in str(error):
                continue
            raise
        return process, flash, f"https://127.0.0.1:{port}", fingerprint
    raise BootError("no free port on 127.0.0.1")


# ---- waiting ----


def last_lines(state, count=25):
    lines = []
    for name in ("monitor.log", "console.log"):
        lines += read_text(state_path(state, name)).splitlines()[-count:]
    return "\n".join(lines)


def wait_ready(process, console, state, timeout_s):
    """Poll the console for the ready line: (address, fingerprint). Ends the process and raises where it does not come."""
    try:
        return poll_ready(process, console, state, time.monotonic() + timeout_s)
    except BaseException:
        process.kill()
        process.wait()
        raise


def poll_ready(process, console, state, end):
    while time.monotonic() < end:
        ended = process.poll() is not None
        text = read_text(console)
        found = READY.search(text)
        if ended:
            raise BootError(f"the instance ended with exit code {process.returncode} before it was ready:\n"
                            + last_lines(state))
        if found:
            keep_credential(state, text)
            return found.group(1), found.group(3)
        time.sleep(POLL_S)
    raise BootError("the instance was not ready in time:\n" + last_lines(state))


def fetch_certificate(host, port, fingerprint, ca_file, timeout_s=20):
    """Save the server's certificate as the CA file, if it is the one that the console named: no leap of faith."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # its fingerprint is compared below, before anything trusts it
    with socket.create_connection((host, port), timeout=timeout_s) as raw:
        with context.wrap_socket(raw, server_hostname=host) as connection:
            certificate = connection.getpeercert(binary_form=True)
    seen = hashlib.sha256(certificate).hexdigest()
    if seen != fingerprint:
        raise BootError(f"{host}:{port} shows a certificate with fingerprint {seen}, the console said {fingerprint}: "
                        "someone else answers there")
    write_private(ca_file, ssl.DER_cert_to_PEM_cert(certificate))


# ---- ending ----


def gone(pid, timeout_s):
    """Wait for the end of a process that need not be our child; True when it ended in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)


def stop_pid(pid, number, timeout_s=10):
    """Send the signal and wait; SIGKILL after the time."""
    for signal_number, patience_s in ((number, timeout_s), (signal.SIGKILL, 10)):
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            return
        if gone(pid, patience_s):
            return
    raise BootError(f"process {pid} does not end")
