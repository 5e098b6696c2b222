"""`python -m mintmark.receiver`: what to play comes on standard input, as the demo writes it, and ends with it."""

import argparse
import os
import socket

from mintmark.instance import keep_private
from mintmark.receiver import serving

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m mintmark.receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=serving.PORT, help="where to listen; the next free one, if taken")
    parser.add_argument("--fd", type=int, help="a socket that listens already")
    arguments = parser.parse_args()
    keep_private()
    if arguments.fd is None:
        door = serving.open_door(arguments.port)
        print(f"Relying party: {serving.address_of(door)}/", flush=True)
    else:
        os.set_inheritable(arguments.fd, False)
        door = socket.socket(fileno=arguments.fd)
    serving.serve_until_parent_ends(door)
