#!/usr/bin/env python3
"""The Linux target by itself: file-backed flash, options, clock, memory, TAP, stop and panic.

Links platform/linux with tests/boot/linux_probe.c instead of the app. The TAP part needs root and is skipped without.
"""
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBE = os.path.join(ROOT, "build", "boot", "linux_probe")
BLOCK = 65536
passed = failed = 0


def check(name, condition, seen=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {seen}")


def build():
    os.makedirs(os.path.dirname(PROBE), exist_ok=True)
    folder = os.path.join(ROOT, "platform", "linux")
    sources = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".c")]
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I" + ROOT,
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", PROBE,
                    os.path.join(ROOT, "tests", "boot", "linux_probe.c")] + sources, check=True)


def run(*words, code=0):
    """Run the probe; its facts as a dictionary, with the text under "" and the exit code checked."""
    done = subprocess.run([PROBE, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    text = done.stdout.decode()
    check(f"exit code of {words}", done.returncode == code, f"{done.returncode}: {text}")
    facts = {"": text}
    for line in text.splitlines():
        parts = line.split()
        if len(parts) == 2 and parts[1].lstrip("-").isdigit():
            facts[parts[0]] = int(parts[1])
    return facts


def expect(facts, **wanted):
    for name, value in wanted.items():
        check(name, facts.get(name) == value, f"{facts.get(name)} instead of {value} in {facts['']}")


def test_flash(folder):
    path = os.path.join(folder, "flash")
    expect(run("flash=" + path, "flash_size=1"), open=0, blocks=16)
    info = os.stat(path)
    check("a new file is sparse and private", info.st_blocks == 0 and info.st_mode & 0o77 == 0, info)
    expect(run("flash=" + path, "flash_size=8", "do=write"), blocks=16, program=0, program_part=0, sync=0)
    expect(run("flash=" + path, "do=check"), block2=0, block15=0, block4_blank=BLOCK - 1024 + count_ones(512, 1024, 5),
           block3_blank=BLOCK, odd=0)
    with open(path, "rb") as file:
        file.seek(2 * BLOCK)
        first = file.read(1)
    check("the file holds the complement", first == bytes([255 - 3]), first)
    before = os.stat(path).st_blocks
    expect(run("flash=" + path, "do=erase"), erase=0, sync=0, block2_blank=BLOCK, block15=0)
    check("an erase gives the room back", os.stat(path).st_blocks < before, os.stat(path).st_blocks)


def count_ones(start, size, seed):
    return sum((i * 7 + i // 251 + seed) % 256 == 255 for i in range(start, start + size))


def test_refusals(folder):
    path = os.path.join(folder, "odd")
    for size in (1, BLOCK * 16 + 1, BLOCK * 16 - BLOCK, BLOCK * 17 - 512):
        with open(path, "wb") as file:
            file.truncate(size)
        facts = run("flash=" + path, code=9)
        check(f"{size} bytes are refused with a sentence", "whole number of 65536-byte blocks" in facts[""], facts[""])
        check("and left alone", os.stat(path).st_size == size)
    with open(path, "wb"):
        pass
    expect(run("flash=" + path, "flash_size=2"), open=0, blocks=32)
    facts = run("flash=" + os.path.join(folder, "none", "flash"), code=9)
    check("a missing folder is said", "cannot be opened" in facts[""], facts[""])
    facts = run("flash=/dev/null", code=9)
    check("a device is refused", "not a regular file" in facts[""], facts[""])
    run("flash_size=0", "flash=" + os.path.join(folder, "zero"), code=64)
    run("flash_size=x", "flash=" + os.path.join(folder, "x"), code=64)


def test_lock(folder):
    path = os.path.join(folder, "locked")
    first = subprocess.Popen([PROBE, "flash=" + path, "flash_size=1", "do=echo"], stdout=subprocess.PIPE)
    wait_for(first, b"waiting")
    facts = run("flash=" + path, code=9)
    check("a second process is refused", "in use by another process" in facts[""], facts[""])
    first.kill()
    first.wait()
    expect(run("flash=" + path), open=0)


def wait_for(process, text):
    seen = b""
    end = time.monotonic() + 10
    while text not in seen and time.monotonic() < end:
        if select.select([process.stdout], [], [], 0.1)[0]:
            piece = os.read(process.stdout.fileno(), 4096)
            if not piece:
                break
            seen += piece
    check(f"the probe says {text}", text in seen, seen)
    return seen


def test_machine():
    facts = run("do=machine", "memory=3", "log=")
    expect(facts, free=3 << 20, taken=1, too_much=0, last=1, entropy=0, entropy_end=1, clock=0, empty_option=1,
           absent_option=0)
    check("the wall clock is the host's", abs(facts["now"] - time.time()) < 5, facts["now"])
    check("sleeps as long as asked", 20000 <= facts["slept_us"] < 500000, facts["slept_us"])
    facts = run("do=machine", "time=1800000000")
    check("time= sets the clock", 1800000000 <= facts["now"] < 1800000005, facts["now"])
    expect(run("do=machine", "time=1000"), clock=13)
    for word in ("time=tomorrow", "memory=0", "memory=1x", "word", "tap=does-not-fit-a-name", "time=-1"):
        run(word, code=64)
    facts = run("do=panic", code=70)
    check("a panic says why", "panic: asked for" in facts[""], facts[""])


def test_stop():
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([PROBE, "do=echo"], stdout=subprocess.PIPE)
        wait_for(process, b"waiting")
        process.send_signal(number)
        wait_for(process, b"stopped")
        check(f"ends cleanly on {number}", process.wait(5) == 0, process.returncode)


def test_silent_console():
    """A console that nobody reads must not stop the machine."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    while True:
        try:
            os.write(write_end, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(write_end, True)
    process = subprocess.Popen([PROBE, "do=machine"], stdout=write_end)
    try:
        check("a full console is no stop", process.wait(10) == 0, process.returncode)
    except subprocess.TimeoutExpired:
        process.kill()
        check("a full console is no stop", False, "hangs")
    os.close(read_end)
    os.close(write_end)


def receive_echo(wire, frame):
    wire.send(frame)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if select.select([wire], [], [], 0.1)[0]:
            answer = wire.recv(4096)
            if answer[12:14] == b"\x88\xb5" and answer[6:12] != frame[6:12]:
                return answer
    return b""


def test_tap():
    if os.geteuid() != 0:
        print("skipped: the TAP test needs root")
        return
    name = f"jprobe{os.getpid() % 100000}"
    subprocess.run(["ip", "tuntap", "add", name, "mode", "tap"], check=True)
    try:
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        process = subprocess.Popen([PROBE, "tap=" + name, "mac=02:00:00:00:0a:0b", "do=echo"], stdout=subprocess.PIPE)
        text = wait_for(process, b"waiting")
        check("the interface is there", b"present 1" in text and b"mac0 2" in text, text)
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
        wire.bind((name, 0))
        for size in (60, 1514):
            frame = bytes.fromhex("0200000000020200000000ff88b5") + bytes(range(256)) * 6
            answer = receive_echo(wire, frame[:size])
            check(f"a frame of {size} bytes comes back", answer[6:12].hex() == "020000000a0b" and
                  answer[12:] == frame[12:size], answer[:20].hex())
        wire.close()
        process.send_signal(signal.SIGTERM)
        check("stops while it waits for frames", process.wait(5) == 0, process.returncode)
        for mac in ("01:00:00:00:00:00", "02:00:00:00:00:0", "02:00:00:00:00:00:", "02-00-00-00-00-00", "02", "g2:00"):
            run("tap=" + name, "mac=" + mac, code=64)
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)


def main():
    build()
    with tempfile.TemporaryDirectory() as folder:
        test_flash(folder)
        test_refusals(folder)
        test_lock(folder)
    test_machine()
    test_stop()
    test_silent_console()
    test_tap()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
