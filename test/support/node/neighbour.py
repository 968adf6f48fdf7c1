"""A process that leaves traces where an agent looks for the sidecar's. Its arguments are there to be read, too."""

import os
import socket
import time

USER = 64464
made = socket.socket(socket.AF_UNIX)
made.bind("\0neighbour")
made.listen()
with open("/dev/shm/neighbour", "w") as shared:
    shared.write("-----BEGIN PRIVATE KEY-----\n")
os.chown("/dev/shm/neighbour", USER, USER)
time.sleep(100000)
