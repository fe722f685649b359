#!/usr/bin/env python3
"""images/rig and images/run: start, stop, power cut, side by side, and what they say when a boot fails.

What the appliance itself promises is tested in test_appliance.py; here it only has to answer.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from appliance import RIG, ROOT, Rig, Suite

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "images"))
import machine  # noqa: E402 (found by the line above)

RUN = os.path.join(ROOT, "images", "run")


def rig(*arguments):
    return subprocess.run([RIG, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)


def alive(pid):
    """True while the process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def mode(path):
    return os.stat(path).st_mode & 0o777


def ready(suite, name, info):
    """The instance of `info` answers curl with nothing but what the line says."""
    command = [*info["exec_prefix"].split(), "curl", "-sS", "--max-time", "20", "--cacert", info["ca_file"], "-o",
               "/dev/null", "-w", "%{http_code}", info["url"] + "/health/ready"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    suite.equal(f"{name} answers", (done.stdout, done.stderr), ("200", ""))


def life(suite, platform):
    """Up, kill, up, down with a named state, then the same without one, by PID."""
    with Rig(platform) as one:
        first = dict(one.info)
        ready(suite, platform, first)
        suite.check("members", {"url", "ca_file", "fingerprint", "client_id", "client_secret", "console", "pid", "flash",
                                "exec_prefix"} <= set(first), first)
        suite.check("the state is private", mode(one.directory) & 0o77 == 0 and mode(first["console"]) == 0o600 and
                    mode(first["flash"]) == 0o600 and mode(os.path.join(one.directory, "credential.json")) == 0o600,
                    oct(mode(one.directory)))
        again = one.try_up()
        suite.check("two in one state are refused", again.returncode == 1 and "already runs" in again.stderr, again)
        one.kill()
        suite.check("kill ends it", not alive(first["pid"]), first["pid"])
        one.up()
        suite.equal("credential stays", one.basic, (first["client_id"], first["client_secret"]))
        suite.equal("fingerprint stays", one.info["fingerprint"], first["fingerprint"])
        ready(suite, platform + " after the cut", one.info)
        second = one.down()
        suite.check("down ends it", not alive(second["pid"]), second["pid"])
        suite.equal("down of nothing is an error", rig("down", one.directory).returncode, 1)
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for info in (first, second):
        name = info["exec_prefix"].split()[-1:]
        suite.check("the network is removed", not name or name[0] not in names.split(), names)


def without_state(suite):
    done = rig("up")
    if not suite.equal("up without a state", (done.returncode, done.stderr), (0, "")):
        return
    info = json.loads(done.stdout)
    suite.equal("one line", done.stdout.count("\n"), 1)
    suite.equal("down by pid", rig("down", str(info["pid"])).returncode, 0)
    suite.check("it is gone with its state", not alive(info["pid"]) and not os.path.exists(info["state"]), info["state"])


def side_by_side(suite):
    """Started at the same moment: each has its own port, state and credential."""
    folders = [tempfile.mkdtemp(prefix="jeton-rig-") for _ in range(4)]
    started = [subprocess.Popen([RIG, "up", "--machine", "microvm", "--state", folder], stdout=subprocess.PIPE, text=True)
               for folder in folders]
    infos = [json.loads(process.communicate(timeout=120)[0] or "{}") for process in started]
    suite.equal("all four come up", [process.returncode for process in started], [0] * 4)
    for member in ("url", "client_id", "fingerprint", "pid"):
        suite.equal(f"four times its own {member}", len({info.get(member) for info in infos}), 4)
    for folder, info in zip(folders, infos):
        if info:
            ready(suite, folder, info)
            suite.equal("kill by pid", rig("kill", str(info["pid"])).returncode, 0)
        shutil.rmtree(folder)


def port_race(suite):
    """Someone else took the port between the look and the boot: the next one is used."""
    settings = {"machine": "microvm", "disk": "virtio", "memory_mib": 64, "accel": "tcg", "options": [], "timeout_s": 30}
    with tempfile.TemporaryDirectory(prefix="jeton-rig-") as state, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = other.getsockname()[1], next(machine.random_ports())
        process, _, url, _ = machine.boot_qemu(settings, state, iter([taken, free]), own_life=True)
        machine.stop_pid(process.pid, signal.SIGKILL)
        process.wait()
        suite.equal("the next port", url, f"https://127.0.0.1:{free}")


def someone_else(suite):
    """A certificate that is not the console's is never saved as the CA."""
    with Rig(machine="microvm") as one, tempfile.TemporaryDirectory() as folder:
        host, port = one.info["url"].removeprefix("https://").split(":")
        ca_file = os.path.join(folder, "ca.pem")
        try:
            machine.fetch_certificate(host, int(port), "0" * 64, ca_file)
            suite.check("another fingerprint is refused", False)
        except machine.BootError as error:
            suite.check("another fingerprint is refused", "someone else answers" in str(error), error)
        suite.check("nothing is saved", not os.path.exists(ca_file))


def failing_boots(suite):
    """A damaged flash, a file that is no image, wrong arguments: exit code, the console's words, no process left."""
    with Rig() as one:
        flash = one.down()["flash"]
        with open(flash, "r+b") as file:
            file.write(b"\0" * 4096 * 64)
        done = one.try_up()
        suite.check("a damaged flash fails with the console's words",
                    done.returncode == 1 and done.stdout == "" and "jeton: " in done.stderr, done)
        if not suite.equal("and nothing runs", instances(one.directory), []):
            rig("kill", one.directory)
        done = rig("up", "--image", __file__, "--state", one.directory)
        suite.check("no image", done.returncode == 1 and done.stderr != "", done)
    for arguments in (("up", "--machine", "microvm", "--disk", "pflash"), ("down", "999999999"), ("kill", "1"),
                      ("down", "/nowhere"), ("up", "--state", "/dev/null/x")):
        done = rig(*arguments)
        suite.check(f"{arguments} is refused with a sentence", done.returncode == 1 and "images/rig: " in done.stderr and
                    "Traceback" not in done.stderr, done)
    suite.equal("unknown words", rig("sideways").returncode, 2)


def instances(state):
    """The processes that run an instance in this state: the rig marks them in their environment."""
    mark = b"JETON_RIG_STATE=" + os.fsencode(state)
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    found.append(pid)
        except OSError:
            continue
    return found


def start_run(state):
    """images/run in the background: (process, what it printed up to its last line, log file)."""
    log = os.path.join(state, "run.log")
    with open(log, "wb") as output:
        process = subprocess.Popen([RUN], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
                                   env=dict(os.environ, JETON_STATE=state))
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        with open(log, encoding="utf-8") as file:
            text = file.read()
        if "Ctrl-C ends it" in text:
            return process, text
        time.sleep(0.05)
    with open(log, encoding="utf-8") as file:
        return process, file.read()


def run_once(suite, state, first):
    """One `images/run` from greeting to Ctrl-C; the pasted curl lines must work."""
    process, text = start_run(state)
    try:
        suite.check("it says how to stop", "Ctrl-C ends it" in text, text)
        suite.equal("the secret is shown at the first boot only", "client secret" in text, first)
        lines = re.findall(r"^  (curl .*)$", text, re.M)
        suite.equal("three curl lines", len(lines), 3)
        suite.check("never -k", not re.search(r"\s(-k|--insecure)\s", text), text)
        for line in lines:
            done = subprocess.run(["bash", "-c", line + " -sS -w '\\n%{http_code}'"], capture_output=True, text=True,
                                  timeout=60, cwd=ROOT, check=False)
            suite.equal(f"pasted: {line}", (done.stdout[-3:], done.stderr), ("201", ""))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
    suite.equal("Ctrl-C ends it cleanly", code, 0)
    suite.equal("nothing is left", instances(state), [])
    return re.findall(r"sha256:([0-9a-f]{64})", text)[:1]


def run(suite):
    with tempfile.TemporaryDirectory(prefix="jeton-run-") as state:
        prints = [run_once(suite, state, True), run_once(suite, state, False)]
        suite.check("the same certificate", len(prints[0]) == 1 and prints[0] == prints[1], prints)


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("qemu", life, "qemu")
    if os.geteuid() == 0:
        SUITE.run("linux", life, "linux")
    else:
        SUITE.skipped += 1
        print("skipped: --platform linux needs root")
    SUITE.run("without a state", without_state)
    SUITE.run("side by side", side_by_side)
    SUITE.run("port race", port_race)
    SUITE.run("someone else", someone_else)
    SUITE.run("failing boots", failing_boots)
    SUITE.run("run", run)
    SUITE.finish()
