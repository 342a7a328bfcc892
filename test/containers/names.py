"""A name server that knows no names: the one outside of the engine's own, for podman in private
namespaces.

    names.py ADDRESS

The engine asks it for every name that no container has, and would wait for an answer that cannot
come from the real one. It says at once that there is no such name.
"""

import socket
import sys

QUERY_MAX = 512
RESPONSE_NO_SUCH_NAME = b"\x81\x83"


def main(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind((address, 53))
        while True:
            query, asker = door.recvfrom(QUERY_MAX)
            # id, flags, one question; no answer, authority or additional record
            end = query.find(b"\0", 12) + 5
            if len(query) > 12 and end >= 17:
                head = query[:2] + RESPONSE_NO_SUCH_NAME + b"\0\1" + 6 * b"\0"
                door.sendto(head + query[12:end], asker)


if __name__ == "__main__":
    main(sys.argv[1])
