"""Calls as bytes, from a container: whatever a client could send. All at once, each on a connection of its own.

Standard input is a JSON object from names to calls (raw-calls.ts says what is in one). Standard output is one from the same
names to what came back, whether the peer closed, and the name of the error that ended it if one did.
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
# After a greeting alone: some calls get no answer.
GREETED_SECONDS = 3
# How Python calls it that the peer closed, once connected: with a reset, or in the middle of TLS.
CLOSED = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


def secured(plain, name, protocol):
    # Its CA is the pod's own, from SSL_CERT_FILE; whether names agree is the sidecar's to judge.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    return context.wrap_socket(plain, server_hostname=name or None)


def answered(data, protocol):
    """Whether more came than HTTP/2's greeting: headers, a reset or a farewell."""
    at = 0
    while protocol == "h2" and at + 9 <= len(data):
        if data[at + 3] in (1, 3, 7):
            return True
        at += 9 + int.from_bytes(data[at : at + 3], "big")
    return protocol != "h2"


def receive(used, data, until_closed=False, protocol="http/1.1"):
    """Adds to data what comes. Whether it came to an end because the peer closed, and not because of silence."""
    used.settimeout(ANSWER_SECONDS)
    try:
        while chunk := used.recv(65536):
            data += chunk
            if not until_closed:
                used.settimeout(QUIET_SECONDS if answered(data, protocol) else GREETED_SECONDS)
    except TimeoutError:
        if until_closed or not data:
            raise
        return False
    return True


def made(call):
    # Whoever cannot even connect has made no call: that fails all of them.
    used = socket.create_connection(call["to"], ANSWER_SECONDS)
    data = bytearray()
    try:
        if "connect" in call:
            used.sendall(f"CONNECT {call['connect']} HTTP/1.1\r\nHost: {call['connect']}\r\n\r\n".encode("latin-1"))
            answer = used.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                data += answer
                closed = receive(used, data)
                return {"received": data.decode("latin-1"), "closed": closed}
        if "tls" in call:
            used = secured(used, call["tls"]["serverName"], call["tls"]["protocol"])
        used.sendall(call["data"].encode("latin-1"))
        protocol = call["tls"]["protocol"] if "tls" in call else "http/1.1"
        closed = receive(used, data, call.get("untilClosed", False), protocol)
        return {"received": data.decode("latin-1"), "closed": closed}
    except OSError as error:
        closed = isinstance(error, CLOSED)
        return {"received": data.decode("latin-1"), "closed": closed, "error": type(error).__name__}
    finally:
        used.close()


calls = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
    json.dump(dict(zip(calls, pool.map(made, calls.values()))), sys.stdout)
