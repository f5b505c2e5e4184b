#!/usr/bin/env python3
"""Writes the seed corpus of the fuzz targets from the golden recordings.

Run from anywhere; it replaces the files whose names begin with `seed_`.
"""

import json
import pathlib

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


def write(target, name, data):
    if len(data) <= LARGEST:
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


def main():
    for target in ("datagram_server", "datagram_client", "stream_reader", "settings"):
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed_*"):
            old.unlink()
    datagrams()
    by_hand()
    streams()
    settings()
    for folder in sorted(CORPUS.iterdir()):
        files = list(folder.iterdir())
        print(f"{folder.name}: {len(files)} files, {sum(file.stat().st_size for file in files)} bytes")


if __name__ == "__main__":
    main()
