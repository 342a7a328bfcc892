"""Small programs that the lab's own tests run on its hosts, in place of a node.

    probe.py sink ADDRESS            UDP: print the number of each packet as it arrives
    probe.py send ADDRESS N MS       UDP: send N numbered packets, one every MS milliseconds
    probe.py end ADDRESS             UDP: send a last packet, number END
    probe.py echo ADDRESS            TCP: answer each line with itself
    probe.py talk ADDRESS            TCP: connect, then send each line of standard input and
                                     print the answer, or the error that ended the talk
"""

import socket
import sys
import time

PORT = 4000
END = 999999999
PATIENCE_S = 90


def sink(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, PORT))
        print("ready", flush=True)
        while True:
            packet, _ = sock.recvfrom(64)
            number, sent = packet.decode().split()
            print(number, int((time.monotonic() - float(sent)) * 1000), flush=True)


def send(address, count, every_ms):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(int(count)):
            sock.sendto(f"{number} {time.monotonic()}".encode(), (address, PORT))
            time.sleep(float(every_ms) / 1000)


def end(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(f"{END} {time.monotonic()}".encode(), (address, PORT))


def echo(address):
    with socket.create_server((address, PORT)) as server:
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("rwb", buffering=0) as stream:
                try:
                    for line in stream:
                        stream.write(line)
                except OSError:
                    pass


def talk(address):
    with socket.create_connection((address, PORT), timeout=PATIENCE_S) as sock:
        stream = sock.makefile("rwb", buffering=0)
        print("connected", flush=True)
        for line in sys.stdin:
            try:
                stream.write(line.encode())
                print(stream.readline().decode().strip() or "closed", flush=True)
            except OSError as why:
                print(f"error {why.strerror or why}", flush=True)
                return


if __name__ == "__main__":
    {"sink": sink, "send": send, "end": end, "echo": echo, "talk": talk}[sys.argv[1]](*sys.argv[2:])
