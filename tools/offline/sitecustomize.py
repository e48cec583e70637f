"""Keeps a Python process on this machine. Python reads this file at start when its folder is on PYTHONPATH.

An audit hook (PEP 578, 2019) sees every connection and name look-up of Python code, asyncio and subprocesses
included, and cannot be taken out again. Loopback, Unix sockets and names of this machine pass; the rest fails
as if the cable were out. Sockets that compiled libraries open by themselves are not seen.
"""

import errno
import ipaddress
import socket
import sys

LOOK_UPS = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0}  # event -> index of the host
CONNECTIONS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}  # event -> index of the address
HERE = {None, "", b"", "localhost", b"localhost", socket.gethostname()}


def stays_here(host) -> bool:
    """Is `host` this machine? None and '' mean "any", which names no other machine."""
    if host in HERE:
        return True
    try:
        text = host.decode() if isinstance(host, bytes) else host
        address = ipaddress.ip_address(text.partition("%")[0])
    except (ValueError, AttributeError):
        return False
    return address.is_loopback or address.is_unspecified


def watch(event, arguments):
    """Refuse what would leave this machine."""
    if event in LOOK_UPS:
        host = arguments[LOOK_UPS[event]]
    elif event in CONNECTIONS and isinstance(arguments[CONNECTIONS[event]], tuple):
        host = arguments[CONNECTIONS[event]][0]
    else:
        return
    if not stays_here(host):
        raise OSError(errno.ENETUNREACH, f"the course runs offline, so it does not reach {host}")


sys.addaudithook(watch)
