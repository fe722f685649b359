"""The store and the tables: replay, memory, look-ups, write amplification, flash time, group commit, boot with tokens.

build/bench/store and store_whole are the app's own code around tests/bench/store_bench.c, the second optimised as the
product is; times of the hosted build are its time on the processor, so that a busy machine disturbs them less.
"""

import base64
import contextlib
import os
import re
import shutil
import ssl
import statistics
import subprocess
import tempfile
import threading
import time

from appliance import Client, Rig, connect_within
import machine  # of images/, through appliance

RUNS = 5
PROGRAM = os.path.join(machine.ROOT, "build", "bench", "store")
WHOLE = PROGRAM + "_whole"
IMAGE = PROGRAM + ".elf"
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where a file's flash waits for no disk
MILLION = 1000000
TABLE_BYTES = 160 * MILLION
WRITERS = 64
WRITE_S = 5


def row(name, unit, value, goal, met):
    return {"name": name, "unit": unit, "us": value, "goal": goal, "met": met}


class Folder:
    """A temporary directory with a flash in it."""

    def __init__(self, parent=MEMORY):
        self.path = tempfile.mkdtemp(prefix="jeton-bench-", dir=parent)
        self.flash = os.path.join(self.path, "disk.img")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def bench(self, program=PROGRAM, **options):
        """Run the hosted program: its figures, a list under each name."""
        words = [f"{name}={value}" for name, value in {"flash": self.flash, **options}.items()]
        done = subprocess.run([program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
                              check=True)
        return figures(done.stdout)


def figures(text):
    found = {}
    for name, value in re.findall(r"(?m)^(\w+)=(\d+)\s*$", text):
        found.setdefault(name, []).append(int(value))
    return found


def replay_and_memory():
    """A table of exactly 160 bytes for each of a million tokens takes them, and replays them."""
    with Folder() as folder:
        options = {"memory": 1024, "flash_size": 256, "table": TABLE_BYTES}
        filled = folder.bench(bench="fill", count=MILLION, **options)
        value = filled["table_used_bytes"][0] / MILLION
        yield row("memory of a token, 16-character name", "bytes", value, "<= 160", value <= 160)
        runs = [folder.bench(WHOLE, bench="replay", **options) for _ in range(RUNS)]
        assert all(run["tokens"][0] == MILLION + 1 for run in runs), runs  # and the root's
        value = statistics.median(run["replay_us"][0] for run in runs) / 1e6
        yield row("replay of 1,000,000 tokens, all read, hosted", "s of CPU", value, "<= 0.5", value <= 0.5)
        value = statistics.median(run["ready_us"][0] for run in runs) / 1e6
        yield row("the same up to the first answer", "s of CPU", value, None, None)


def lookup():
    """service_authenticate() by Basic of tokens drawn at random."""
    seen = {count: [] for count in (1000, 10000, 100000, MILLION)}
    for _ in range(3):  # in turn: the machine is not equally fast for long
        for count, times in seen.items():
            with Folder() as folder:
                times += folder.bench(WHOLE, bench="lookup", count=count, memory=1024, flash_size=256,
                                      table=TABLE_BYTES)["lookup_ns"]
    medians = {count: statistics.median(times) / 1000 for count, times in seen.items()}
    for count, median in medians.items():
        yield row(f"authenticate one of {count:,} tokens", "us of CPU", median, None, None)
    value = medians[MILLION] / medians[1000]
    yield row("authenticate: 1,000,000 tokens against 1,000", "x", value, "<= 1.5", value <= 1.5)


def amplification():
    """Bytes programmed for each byte of payload at 70 % live, over turns of the log."""
    for name, cold in (("replaced at random", 0), ("half of it at rest", 50)):
        with Folder() as folder:
            run = folder.bench(bench="amplify", cold=cold, memory=1024, flash_size=32)
        value = statistics.median(programmed / appended for programmed, appended
                                  in zip(run["programmed_bytes"], run["appended_bytes"]))
        yield row(f"write amplification, 70 % live, {name}", "x", value, "<= 2.5", value <= 2.5)


def stall():
    """A turn's time in the store, 64 writers, 70 % live, compaction going on: the worst of 20,000 turns, of five runs."""
    runs = []
    for _ in range(RUNS):
        with Folder() as folder:
            runs.append(folder.bench(bench="stall", memory=1024, flash_size=32))
    for name, text, goal in (("median_us", "median", False), ("p999_us", "p99.9", False), ("max_us", "longest", True)):
        value = statistics.median(run[name][0] for run in runs) / 1000
        yield row(f"a turn in the store, compaction running, {text}", "ms of CPU", value, "<= 5" if goal else None,
                  value <= 5 if goal else None)


def run_image(memory_mib, *options):
    """Run the bench in an image under QEMU, with a blank pflash: its figures."""
    with Folder() as folder:
        settings = {"machine": "q35", "disk": "pflash", "memory_mib": memory_mib, "accel": "tcg", "image": IMAGE,
                    "options": list(options)}
        flash = machine.make_flash(folder.path, "pflash")
        console = machine.new_console(folder.path)
        process = machine.start(machine.qemu_command(settings, folder.path, flash, next(machine.random_ports())),
                                folder.path, False)
        try:
            process.wait(600)
        finally:
            process.kill()
            process.wait()
        return figures(machine.read_text(console))


def pflash_creates():
    """Creates in groups of 64; the time that passes inside of flash calls."""
    run = run_image(64, "bench=creates")
    for name, unit in (("device_us", "1/s of device"), ("all_us", "1/s in all")):
        value = statistics.median(count / us * 1e6 for count, us in zip(run["creates"], run[name]))
        goal = value >= 10000 if name == "device_us" else None
        yield row("creates in groups of 64, pflash under QEMU", unit, value, None if goal is None else ">= 10000", goal)


def limit(name):
    """A number of app/limits.h."""
    with open(os.path.join(machine.ROOT, "app/limits.h"), encoding="utf-8") as file:
        return int(re.search(rf"(?m)^#define {name} +(\d+)", file.read()).group(1))


def pflash_stall():
    """A turn's time in flash calls while many clients write and never pause, 70 % live, and what of it compaction takes
    (reading, erasing, its share of what is programmed): the worst of 2,000 turns, of five series. As the loop stands still
    for this flash, a full group is flushed at once."""
    group = limit("GATHER_BLOCKING_RECORDS")
    run = run_image(256, "bench=stall", "turns=2000", f"series={RUNS}", f"group={group}")
    assert min(run["relocated_bytes"]) > 0, run
    yield row("the chip's speed in this run: a buffered program of 256 bytes", "us",
              statistics.median(run["program_ns_a_kib"]) / 4000, None, None)
    for name, text in (("median", "median"), ("p999", "p99.9"), ("max", "longest")):
        value = statistics.median(run[f"compaction_{name}_us"]) / 1000
        yield row(f"compaction in a turn, pflash under QEMU, {text}", "ms of device", value,
                  "<= 5" if name == "max" else None, value <= 5 if name == "max" else None)
        value = statistics.median(run[f"device_{name}_us"]) / 1000
        yield row(f"a turn in the store, compaction running, pflash under QEMU, {text}", "ms of device", value, None, None)
        value = statistics.median(run[f"programmed_{name}"]) / 1024
        yield row(f"programmed in such a turn, {text}", "KiB", value, None, None)


class Writer(threading.Thread):
    """Creates tokens on one connection, the next once the last is acknowledged."""

    def __init__(self, rig, until):
        super().__init__(daemon=True)
        self.until, self.count = until, 0
        body = b'{"name":"written by bench","permissions":["VIEW"]}'
        credential = base64.b64encode(":".join(rig.basic).encode())
        self.request = (b"POST /tokens HTTP/1.1\r\nHost: jeton\r\nAuthorization: Basic " + credential +
                        b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        context = ssl.create_default_context(cafile=rig.info["ca_file"])
        address = rig.info["url"].split("//")[1].split(":")
        plain = connect_within(rig.namespace, (address[0], int(address[1])), 20)
        self.socket = context.wrap_socket(plain, server_hostname=address[0])

    def run(self):
        while time.monotonic() < self.until[0]:
            self.socket.sendall(self.request)
            answer = self.socket.recv(65536)
            assert answer.startswith(b"HTTP/1.1 201"), answer
            while b"\r\n\r\n" not in answer:
                answer += self.socket.recv(65536)
            head, _, rest = answer.partition(b"\r\n\r\n")
            left = int(re.search(rb"(?i)content-length: (\d+)", head).group(1)) - len(rest)
            while left > 0:
                left -= len(self.socket.recv(65536))
            self.count += 1


def metric(text, name):
    return float(re.search(rf"(?m)^{name}(?:{{.*}})? (\S+)", text).group(1))


def group_commit():
    """Acknowledged creates for each flush, with many HTTPS clients that each wait for their answer."""
    with Rig(platform="linux", options=["--option", "rate_issue=0", "--option", "rate_tenant=0"]) as rig:
        client = rig.client()
        until = [0]
        groups, rates = [], []
        for _ in range(RUNS):
            writers = [Writer(rig, until) for _ in range(WRITERS)]
            before = client.get("/metrics", basic=rig.basic).text
            until[0] = time.monotonic() + WRITE_S
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join(60)
                writer.socket.close()
            after = client.get("/metrics", basic=rig.basic).text
            flushes = metric(after, "jeton_store_flushes_total") - metric(before, "jeton_store_flushes_total")
            count = sum(writer.count for writer in writers)
            groups.append(count / flushes)
            rates.append(count / WRITE_S)
        client.close()
        value = statistics.median(groups)
        yield row(f"acknowledged creates a flush, {WRITERS} writers, hosted", "creates", value, ">= 16", value >= 16)
        yield row(f"creates, {WRITERS} writers (Python's), hosted", "1/s", statistics.median(rates), None, None)


def once_ready(folder, memory_mib):
    """Seconds from exec of QEMU to the first HTTPS 200 from a virtio disk; then the power is cut."""
    settings = {"machine": "q35", "disk": "virtio", "memory_mib": memory_mib, "accel": "tcg", "options": []}
    port = next(machine.random_ports())
    console = machine.new_console(folder.path)
    command = machine.qemu_command(settings, folder.path, folder.flash, port)
    begin = time.monotonic()
    process = machine.start(command, folder.path, False)
    try:
        _, fingerprint = machine.wait_ready(process, console, folder.path, 60)
        ca_file = os.path.join(folder.path, "ca.pem")
        if not os.path.exists(ca_file):
            machine.fetch_certificate("127.0.0.1", port, fingerprint, ca_file)
        client = Client(f"https://127.0.0.1:{port}", ca_file)
        reply = client.get("/health/ready")
        elapsed_s = time.monotonic() - begin
        client.close()
        assert reply.status == 200, reply
        return elapsed_s
    finally:
        process.kill()
        process.wait()


def ready_with_tokens():
    """Boots in turn, so that other load meets all: of an empty store, of one with 100,000 tokens, and of one with 1,000
    revocations behind them."""
    fills = {"none": {"count": 1}, "tokens": {"count": 100000}, "changes": {"count": 100000, "changes": 1000}}
    times = {name: [] for name in fills}
    with contextlib.ExitStack() as stack:
        folders = {name: stack.enter_context(Folder()) for name in fills}
        for name, options in fills.items():
            folders[name].bench(bench="fill", flash_size=64, **options)
        for run in range(RUNS + 1):
            for name, folder in folders.items():
                elapsed_s = once_ready(folder, 192)
                if run > 0:  # the first boot makes a certificate
                    times[name].append(elapsed_s)
    medians = {name: statistics.median(values) for name, values in times.items()}
    yield row("exec to first HTTPS 200, q35, virtio-blk, 0 tokens", "s", medians["none"], None, None)
    for name, text in (("tokens", "100,000 tokens"), ("changes", "100,000 tokens and 1,000 revocations")):
        value = medians[name] / medians["none"]
        yield row(f"the same with {text}", "s", medians[name], None, None)
        yield row(f"ready time: {text} against none", "x", value, "<= 1.5", value <= 1.5)


BENCHMARKS = (replay_and_memory, lookup, amplification, stall, pflash_creates, pflash_stall, group_commit, ready_with_tokens)
