"""What the worst clients do to the others: the p99 of 50 clients that are served, with each kind beside them and without."""

import os
import socket
import ssl
import statistics
import tempfile
import threading
import time

import load
from appliance import Rig, within

GET = b"GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"
SERVED, SECONDS, RUNS = 50, 2, 5
GOAL = 3.0
PIPELINED = 10000
NO_LIMITS = [word for name in ("rate_issue", "rate_tenant", "rate_auth") for word in ("--option", f"{name}=0")]


class Crowd:
    """Threads that misbehave until they are told to stop."""

    def __init__(self, rig, behave, count):
        self.rig, self.over = rig, threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(behave,)) for _ in range(count)]

    def run(self, behave):
        os.sched_setaffinity(0, {load.CORES[-1]})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # the server is measured, not its clients' core
        while not self.over.is_set():
            try:
                behave(self)
            except OSError:
                time.sleep(0.01)

    def connect(self):
        plain = within(self.rig.namespace, socket.create_connection, ("10.77.0.2", 443), 5)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return ssl.create_default_context(cafile=self.rig.info["ca_file"]).wrap_socket(plain,
                                                                                      server_hostname="10.77.0.2")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def flood_handshakes(crowd):
    crowd.connect().close()


def pipeline(crowd):
    """Ten thousand requests without waiting for an answer, and then the answers."""
    with crowd.connect() as tls:
        sender = threading.Thread(target=lambda: tls.sendall(GET * PIPELINED), daemon=True)
        sender.start()
        while not crowd.over.is_set() and tls.recv(65536):
            pass
        tls.shutdown(socket.SHUT_RDWR)
        sender.join()


def write_slowly(crowd):
    with crowd.connect() as tls:
        for byte in GET * 10:
            if crowd.over.is_set():
                return
            tls.sendall(bytes([byte]))


def read_slowly(crowd):
    with crowd.connect() as tls:
        tls.settimeout(0.2)
        try:
            tls.sendall(GET * 500)
        except OSError:
            pass
        while not crowd.over.is_set():
            tls.recv(16)
            time.sleep(0.05)


CROWDS = (("a flood of handshakes", flood_handshakes, 8), ("clients that pipeline 10,000 requests", pipeline, 3),
          ("clients that write byte by byte", write_slowly, 8), ("clients that read slowly", read_slowly, 20))


def fairness():
    """Pairs of runs, quiet and crowded, one after the other: the median of their ratios."""
    with Rig(platform="linux", options=NO_LIMITS) as rig, tempfile.TemporaryDirectory() as folder:
        load.pin_server(rig.info["pid"])
        target = load.Target("Jeton", ("10.77.0.2", 443), rig.info["ca_file"], lambda: [rig.info["pid"]], rig.namespace)
        work = load.Work(target, folder, GET, "alive", mode="keep", connections=SERVED, protocol="http", status=200)
        work.once(seconds=0.2)
        for name, behave, count in CROWDS:
            ratios = []
            for _ in range(RUNS):
                quiet = work.once(seconds=SECONDS)["p99_us"]
                with Crowd(rig, behave, count):
                    time.sleep(0.2)
                    ratios.append(work.once(seconds=SECONDS)["p99_us"] / quiet)
            ratio = statistics.median(ratios)
            yield {"name": f"p99 of 50 clients beside {name}", "unit": "x quiet", "us": ratio, "goal": "<= 3 x",
                   "met": ratio <= GOAL}


BENCHMARKS = [fairness]
