"""Calls as bytes, from a container: whatever a client could send. All at once, each on a connection of its own.

Standard input is a JSON object from names to calls (raw-calls.ts says what is in one). Standard output is one from the same
names to what came back, or to the name of the error that ended it.
"""

import concurrent.futures
import json
import socket
import ssl
import sys

TOGETHER = 24
ANSWER_SECONDS = 10
# A second answer would follow the first at once.
QUIET_SECONDS = 0.4


def secured(plain, name, protocol):
    # Its CA is the pod's own, from SSL_CERT_FILE; whether names agree is the sidecar's to judge.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    return context.wrap_socket(plain, server_hostname=name or None)


def received(used, until_closed=False):
    data = b""
    used.settimeout(ANSWER_SECONDS)
    try:
        while chunk := used.recv(65536):
            data += chunk
            if not until_closed:
                used.settimeout(QUIET_SECONDS)
    except TimeoutError:
        if until_closed or not data:
            raise
    return data


def made(call):
    used = socket.create_connection(call["to"], ANSWER_SECONDS)
    data = b""
    try:
        if "connect" in call:
            used.sendall(f"CONNECT {call['connect']} HTTP/1.1\r\nHost: {call['connect']}\r\n\r\n".encode("latin-1"))
            answer = used.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                return {"received": (answer + received(used)).decode("latin-1")}
        if "tls" in call:
            used = secured(used, call["tls"]["serverName"], call["tls"]["protocol"])
        used.sendall(call["data"].encode("latin-1"))
        data = received(used, call.get("untilClosed", False))
        return {"received": data.decode("latin-1")}
    except OSError as error:
        return {"received": data.decode("latin-1"), "error": type(error).__name__}
    finally:
        used.close()


calls = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
    json.dump(dict(zip(calls, pool.map(made, calls.values()))), sys.stdout)
