#!/usr/bin/env python3
"""Writes the seed corpus of the fuzz targets from the golden recordings.

Run from anywhere; it replaces the files whose names begin with `seed_`.
"""

import base64
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests" / "golden"
CORPUS = HERE / "corpus"
UPDATE = b"\x02"
LARGEST = 1200


def counted(data):
    """At most 255 bytes behind their number."""
    data = data[:255]
    return bytes([len(data)]) + data


def instruction(packet, role):
    """The instruction of `drive.rs` that sends a recorded packet with the target's own token."""
    if packet[:4] == b"UTP\x01" and len(packet) >= 13 and packet[4] == (1 if role == "server" else 2):
        return b"\x03\x01" + counted(packet[15:])
    if len(packet) >= 9 and 1 <= packet[0] <= 5:
        return b"\x04\x01" + packet[:1] + counted(packet[9:])
    return b"\x00" + counted(packet)


def write(target, name, data, largest=LARGEST):
    if len(data) <= largest:
        (CORPUS / target / f"seed_{name}").write_bytes(data)


def datagrams():
    for file in sorted(GOLDEN.glob("udp_*.json")):
        scenario = json.loads(file.read_text())
        for role, direction in (("server", "c2s"), ("client", "s2c")):
            program, tick = b"", 0
            for packet in scenario["packets"]:
                if packet["direction"] != direction:
                    continue
                if packet["tick"] != tick:
                    program += UPDATE + (b"\x05" if len(program) % 3 == 0 else b"")
                    tick = packet["tick"]
                program += instruction(bytes.fromhex(packet["hex"]), role)
                if len(program) > LARGEST - 300:
                    break
            if program:
                write(f"datagram_{role}", scenario["scenario"], program + UPDATE + b"\x06\x10" + UPDATE + b"\x07" + UPDATE)


def by_hand():
    request, data = b"\x03\x01\x00", b"\x04\x01\x01" + counted(b"\x00hello")
    for target in ("datagram_server", "datagram_client"):
        write(target, "probed_then_echoed", request + UPDATE + data + UPDATE + (b"\x05" + UPDATE) * 3 + data + UPDATE)
        write(target, "moves", request + UPDATE + data + UPDATE + b"\x05" + UPDATE + bytes([4 | 8]) + data[1:] + UPDATE
              + b"\x0d" + UPDATE + bytes([4 | 8]) + data[1:] + UPDATE)
        write(target, "flood_of_requests", (bytes([3 | 16]) + b"\x02\x00") * 40 + UPDATE * 2)
        write(target, "silence", UPDATE * 400)
        write(target, "closed_and_back", request + UPDATE + b"\x04\x01\x02\x00" + UPDATE + request + UPDATE)


def streams():
    contents = {
        "zeros": bytes(64),
        "ones": b"\xff" * 64,
        "counting": bytes(range(64)),
        "text": b"\x05\x00hello" + b"\x20\x00" + b"x" * 55,
        "short": b"\x01\x02",
        "empty": b"",
    }
    programs = {
        "every_read": bytes(range(32)),
        "every_read_backwards": bytes(range(31, -1, -1)),
        "bits": bytes(11 + (i % 4) + 32 * (i % 8) for i in range(32)),
        "packed": bytes(15 + i % 11 for i in range(32)),
    }
    for program_name, program in programs.items():
        for content_name, content in contents.items():
            # The target takes the first half of its input as the program.
            size = max(len(program), len(content))
            write("stream_reader", f"{program_name}_{content_name}",
                  (program * 4)[:size] + content.ljust(size, b"\0") if content else program)


def settings():
    def number(value):
        data = value.to_bytes(8, "little").rstrip(b"\0")
        return bytes([len(data)]) + data

    plain = b"\x00\x00"
    write("settings", "nothing", b"")
    write("settings", "plain", plain)
    for name, value in {"zero": 0, "one": 1, "small": 1000, "int_max": 2**31 - 1, "all": 2**64 - 1}.items():
        for pick in range(1, 38):
            if name in ("zero", "all") or pick % 5 == 0:
                write("settings", f"{pick}_{name}", plain + bytes([pick]) + number(value))
    write("settings", "contradiction", plain + b"\x03" + number(1000) + b"\x04" + number(2000))


def secure():
    certs = HERE.parent / "certs"
    for file in sorted(certs.glob("*.pem")) + sorted(certs.glob("*.key")):
        text = file.read_bytes()
        write("certificates", file.name, text, 2400)
        der = base64.b64decode(b"".join(line for line in text.splitlines() if not line.startswith(b"-")))
        write("certificates", f"der_{file.name}", der, 2400)
    both = (certs / "ecdsa-server.pem").read_bytes() + (certs / "ecdsa-server.key").read_bytes()
    write("certificates", "both", both, 2400)
    write("certificates", "both_crlf", both.replace(b"\n", b"\r\n"), 2400)
    write("certificates", "cut", both[:300])

    def record(kind, content, epoch=0, number=0):
        return bytes([kind, 0xFE, 0xFD]) + struct.pack(">HHIH", epoch, 0, number, len(content)) + content

    def message(kind, body, sequence=0):
        return bytes([kind]) + struct.pack(">I", len(body))[1:] + struct.pack(">H", sequence) + b"\0\0\0" + struct.pack(">I", len(body))[1:] + body

    hello = b"\xFE\xFD" + bytes(range(32)) + b"\0\0\0\x04\xC0\x2C\0\xFF\x01\0"
    extensions = b"\0\x0A\0\x04\0\x02\0\x17" + b"\0\x17\0\0" + b"\0\x0D\0\x04\0\x02\x04\x03"
    bodies = {
        "hello": (1, hello),
        "hello_extended": (1, hello + struct.pack(">H", len(extensions)) + extensions),
        "hello_cookie": (1, hello[:35] + b"\x20" + bytes(32) + hello[36:]),
        "question": (3, b"\xFE\xFF\x20" + bytes(32)),
        "server_hello": (2, b"\xFE\xFD" + bytes(32) + b"\0\xC0\x2C\0\0\x04\0\x17\0\0"),
        "certificate": (11, b"\0\0\x08\0\0\x05\x30\x03\x02\x01\0"),
        "no_certificate": (11, b"\0\0\0"),
        "key_exchange": (12, b"\x03\0\x1D\x20" + bytes(32) + b"\x04\x03\0\x02\x30\0"),
        "request": (13, b"\x01\x40\0\x02\x04\x03\0\0"),
        "done": (14, b""),
        "client_key": (16, b"\x20" + bytes(32)),
        "verify": (15, b"\x04\x03\0\x02\x30\0"),
        "finished": (20, bytes(12)),
    }
    for name, (kind, body) in bodies.items():
        write("records", name, record(22, message(kind, body)))
    flight = [record(22, message(kind, body, at), 0, at) for at, (kind, body) in enumerate(bodies.values())]
    write("records", "flight", b"".join(flight))
    write("records", "others", record(20, b"\x01") + record(21, b"\x02\x2A") + record(23, bytes(40), 1, 7))

    write("secure_pair", "honest", b"")
    for at in range(9):
        for name, fate in {"lost": b"\x01", "twice": b"\x02", "changed": b"\x03\x1B\x80", "cut": b"\x04\x1E",
                           "held": b"\x05", "split": b"\x06\x09", "preceded": b"\x07" + counted(flight[0])}.items():
            write("secure_pair", f"{at}_{name}", bytes(at) + fate)
    write("secure_pair", "all_split", b"\x06\x20" * 30)
    write("secure_pair", "all_twice", b"\x02" * 30)
    write("secure_pair", "all_lost", b"\x01" * 60)
    write("secure_pair", "every_second_lost", b"\0\x01" * 30)


def main():
    for target in ("datagram_server", "datagram_client", "stream_reader", "settings", "records", "certificates",
                   "secure_pair"):
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed_*"):
            old.unlink()
    datagrams()
    by_hand()
    streams()
    settings()
    secure()
    for folder in sorted(CORPUS.iterdir()):
        files = list(folder.iterdir())
        print(f"{folder.name}: {len(files)} files, {sum(file.stat().st_size for file in files)} bytes")


if __name__ == "__main__":
    main()
