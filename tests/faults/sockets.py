"""Sockets in the network namespaces of others."""

import ctypes
import os
import socket
import threading

from network import NAMESPACES

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33


def socket_in(network, member, kind=socket.SOCK_DGRAM):
    """A socket with the member's address; whoever has it may use it."""
    made = []

    def make():
        # A thread can be in another namespace than its process; a socket stays where it was made.
        file = os.open(NAMESPACES / network.namespace(member), os.O_RDONLY)
        try:
            if LIBC.setns(file, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(socket.AF_INET, kind))
        finally:
            os.close(file)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    # Room for a thousand packets that nobody has taken yet.
    made[0].setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
    made[0].bind((network.address(member), 0))
    return made[0]
