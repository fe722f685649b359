"""The Linux guest that Jeton is compared with: Debian's cloud kernel, and nginx in an initramfs, on QEMU's microvm.

build/bench/guest/ keeps what is built from Debian's packages: the kernel's is fetched by apt-get and unpacked, not
installed. The initramfs has the modules of the network card, busybox (it mounts, loads and sets a static address), nginx
with its libraries, one file to serve, and a certificate; nginx then is process 1.
"""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
import time

from appliance import ROOT, Client
import load
import machine  # of images/, through appliance
import peers

FOLDER = os.path.join(ROOT, "build", "bench", "guest")
KERNEL = os.path.join(FOLDER, "vmlinuz")
INITRAMFS = os.path.join(FOLDER, "initramfs.gz")
CA_FILE = os.path.join(FOLDER, "certificate.pem")
MODULES = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_mmio", "net/core/failover",
           "drivers/net/net_failover", "drivers/net/virtio_net")  # each after what it needs
UP = "guest: the network is up"  # the emulator loses what comes before
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox ip link set lo up
/bin/busybox ip addr add 10.0.2.15/24 dev eth0
/bin/busybox ip link set eth0 up
echo {up}
exec /usr/sbin/nginx -p /srv/ -e stderr -c /srv/nginx.conf
"""


def build():
    """Make what is not there yet, or older than what says how it is made."""
    recipe = [__file__, peers.__file__, os.path.join(os.path.dirname(__file__), "peers", "nginx.conf")]
    if os.path.exists(INITRAMFS) and os.path.getmtime(INITRAMFS) > max(map(os.path.getmtime, recipe)):
        return
    os.makedirs(FOLDER, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jeton-bench-") as work:
        release = unpack_kernel(work)
        root = os.path.join(work, "root")
        fill(root, os.path.join(work, "package", "lib", "modules", release, "kernel"))
        names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=root, check=True, capture_output=True).stdout
        archive = subprocess.run(["busybox", "cpio", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=names, check=True,
                                 capture_output=True).stdout
        with open(INITRAMFS + ".new", "wb") as file:
            file.write(gzip.compress(archive, 9))
    os.replace(INITRAMFS + ".new", INITRAMFS)


def unpack_kernel(work):
    """The newest kernel for clouds, as KERNEL; its release."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, capture_output=True,
                             text=True).stdout
    package = re.search(r"linux-image-\S+-cloud-amd64\b", depends.partition("Depends:")[2])[0]
    subprocess.run(["apt-get", "download", package], cwd=work, check=True, capture_output=True)
    file = next(name for name in os.listdir(work) if name.endswith(".deb"))
    subprocess.run(["dpkg-deb", "-x", file, "package"], cwd=work, check=True)
    release = package.removeprefix("linux-image-")
    shutil.copy(os.path.join(work, "package", "boot", "vmlinuz-" + release), KERNEL)
    return release


def fill(root, modules):
    """The initramfs as a folder."""
    for folder in ("bin", "dev", "etc", "modules", "proc", "srv/files", "var/lib/nginx", "var/log/nginx", "run"):
        os.makedirs(os.path.join(root, folder))
    for module in MODULES:
        shutil.copy(os.path.join(modules, module + ".ko"), os.path.join(root, "modules"))
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    libraries = subprocess.run(["ldd", nginx], check=True, capture_output=True, text=True).stdout
    for path in [nginx, *re.findall(r"(/\S+) \(", libraries)]:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        shutil.copy(path, root + path)
    shutil.copy(shutil.which("busybox"), os.path.join(root, "bin", "busybox"))
    write(root, "etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
    write(root, "etc/group", "root:x:0:\n")
    write(root, "init", INIT.format(up=UP, modules=" ".join(os.path.basename(module) for module in MODULES)))
    os.chmod(os.path.join(root, "init"), 0o755)
    peers.make_certificate(os.path.join(root, "srv"), "127.0.0.1")
    shutil.copy(os.path.join(root, "srv", "certificate.pem"), CA_FILE)
    write(root, "srv/files/static.json", peers.STATIC)
    write(root, "srv/nginx.conf", peers.nginx_configuration(modules="user root;", address="0.0.0.0", port=443))


def write(root, name, text):
    with open(os.path.join(root, name), "w", encoding="utf-8") as file:
        file.write(text)


def image_bytes():
    return os.path.getsize(KERNEL) + os.path.getsize(INITRAMFS)


def tsc_khz():
    """What this kernel cannot calibrate on such a machine without KVM; the emulator's counter is the host's."""
    return int(float(re.search(r"(?m)^cpu MHz\s*: (\S+)", peers.read_text("/proc/cpuinfo"))[1]) * 1000)


def command(memory_mib, port, console):
    """As images/machine.py starts a microvm, but for ACPI, which this kernel finds its devices by."""
    return ["qemu-system-x86_64", "-M", "microvm,acpi=on,rtc=on,isa-serial=on", "-global", "virtio-mmio.force-legacy=false",
            "-device", "virtio-net-device,netdev=net", "-device", "virtio-rng-device", "-accel", "tcg", "-cpu", "max",
            "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-serial", "file:" + console, "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:443",
            "-kernel", KERNEL, "-initrd", INITRAMFS, "-append",
            f"quiet panic=-1 console=ttyS0 tsc=reliable tsc_early_khz={tsc_khz()}"]


class Guest:
    """A running guest that answers; a context manager. `answered_s` is from exec to the first HTTPS 200."""

    def __init__(self, memory_mib=256, timeout_s=60):
        self.folder = tempfile.mkdtemp(prefix="jeton-bench-")
        self.port = next(machine.random_ports())
        begin = time.monotonic()
        self.process = machine.start(command(memory_mib, self.port, os.path.join(self.folder, "guest.log")),
                                     self.folder, False)
        try:
            self.wait(begin + timeout_s)
        except BaseException:
            self.__exit__()
            raise
        self.answered_s = time.monotonic() - begin

    def wait(self, end):
        """Until it serves; connections that come before its server are refused at once."""
        log = os.path.join(self.folder, "guest.log")
        while UP not in machine.read_text(log):
            self.expect_alive(end)
            time.sleep(machine.POLL_S)
        while True:
            client = Client(f"https://127.0.0.1:{self.port}", CA_FILE, 10)
            try:
                reply = client.get("/static.json")
                assert reply.status == 200, reply
                return
            except OSError:
                self.expect_alive(end)
                time.sleep(machine.POLL_S)
            finally:
                client.close()

    def expect_alive(self, end):
        if self.process.poll() is not None or time.monotonic() > end:
            raise machine.BootError("the Linux guest does not serve")

    def target(self):
        return load.Target("Linux guest, nginx", ("127.0.0.1", self.port), CA_FILE, lambda: [self.process.pid])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
