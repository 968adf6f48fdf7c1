"""What an attacker in a container tries: system calls on sockets, or commands. All at once, each by itself.

Standard input is a JSON object from names to attempts: a list of steps (test/support/raw-sockets.ts says which) or an object
with a `command`. Standard output is one from the same names to what became of them.
"""

import concurrent.futures
import errno
import json
import socket
import struct
import subprocess
import sys
import time

COMMAND_SECONDS = 20
# So that no step waits for ever.
SECOND = struct.pack("ll", 1, 0)


def address(text, port):
    return socket.getaddrinfo(text, port, flags=socket.AI_NUMERICHOST)[0][4]


def opened(family, kind, protocol):
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, SECOND)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, SECOND)
    return made


def option_value(value):
    return value.encode("latin-1") if isinstance(value, str) else value


def run(sockets, step):
    what, name, *rest = step
    if what == "sleep":
        time.sleep(name / 1000)
        return 0
    if what == "socket":
        sockets[name] = opened(*rest)
        return 0
    used = sockets[name]
    if what == "option":
        used.setsockopt(rest[0], rest[1], option_value(rest[2]))
    elif what == "bind":
        used.bind(address(*rest))
    elif what == "connect":
        used.connect(address(*rest))
    elif what == "sendto":
        data, to, port, *flags = rest
        return used.sendto(data.encode("latin-1"), flags[0] if flags else 0, address(to, port))
    elif what == "send":
        return used.send(rest[0].encode("latin-1"))
    elif what == "receive":
        return used.recv(65536).decode("latin-1")
    elif what == "listen":
        used.listen(8)
    elif what == "close":
        used.close()
    return 0


def results_of(steps):
    """As many results as steps: a number, what was received, or the name of the error."""
    sockets = {}
    results = []
    for step in steps:
        try:
            results.append(run(sockets, step))
        except OSError as error:
            results.append(errno.errorcode.get(error.errno, str(error)))
        except KeyError:
            results.append("no such socket")
    for used in sockets.values():
        used.close()
    return results


def outcome_of(command):
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        return {"code": -1, "stdout": (late.stdout or b"").decode("latin-1"), "stderr": "timed out"}
    except OSError as error:
        return {"code": 126, "stdout": "", "stderr": str(error)}
    return {"code": done.returncode, "stdout": done.stdout.decode("latin-1"), "stderr": done.stderr.decode("latin-1")}


def attempted(attempt):
    return outcome_of(attempt["command"]) if isinstance(attempt, dict) else results_of(attempt)


attempts = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(max(1, len(attempts))) as pool:
    outcomes = dict(zip(attempts, pool.map(attempted, attempts.values())))
json.dump(outcomes, sys.stdout)
