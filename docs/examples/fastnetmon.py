"""Sends records of a program's own to Weir as FastNetMon Flow: python fastnetmon.py URL COUNT [CA-FILE]

URL is udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT. Needs pycapnp (`pip install pycapnp`).
"""
import ipaddress
import pathlib
import socket
import ssl
import struct
import sys
import time
from urllib.parse import urlsplit

import capnp

schema = capnp.load(str(pathlib.Path(__file__).parent.parent / "fastnetmon.capnp"))


def ipv4(text):
    """The octets of an address in reading order, as a number that is least significant octet first."""
    return int.from_bytes(ipaddress.IPv4Address(text).packed, "little")


def message(source, destination, octets, packets):
    now = time.time_ns()
    return schema.SimplePacketType.new_message(
        source=3,
        sampleRatio=1,
        ipProtocolVersion=4,
        srcIp=ipv4(source),
        dstIp=ipv4(destination),
        protocol=17,
        sourcePort=53,
        destinationPort=40000,
        length=octets,
        ipLength=octets,
        numberOfPackets=packets,
        tsSec=now // 10**9,
        tsMsec=now // 1000 % 10**6,
    ).to_bytes()


def main(url, count, ca=None):
    url = urlsplit(url)
    records = (message("192.0.2.1", "198.51.100.7", 1000 + number, 2) for number in range(count))
    if url.scheme == "udp":
        family = socket.AF_INET6 if ":" in url.hostname else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.connect((url.hostname, url.port))
            for record in records:
                udp.send(record)
        return
    stream = socket.create_connection((url.hostname, url.port))
    if url.scheme == "tls":
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        stream = context.wrap_socket(stream, server_hostname=url.hostname)
    with stream:
        # Each message behind its length: 8 octets, least significant first.
        stream.sendall(b"".join(struct.pack("<Q", len(record)) + record for record in records))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
