#!/usr/bin/env bash
# R4: forged ICMP errors that quote live connections end none of them and lose nothing.
source "$(dirname "$0")/common.sh"
command -v python3 >/dev/null || cannot "no python3"
in_own_network

start "$scratch/serve" "$DRUMFIRE" serve --plain --bind 127.0.0.1:7777 --echo
await "$scratch/serve" "listening on"
start "$scratch/out" "$DRUMFIRE" client 127.0.0.1:7777 --plain --clients 20 --rate 30 --duration 8 --warmup 0 \
    --json "$scratch/client"
client=$last
await "$scratch/out" "clients connected"

# 10,000 of each kind, towards both ends of every connection: the only UDP ports of this namespace.
python3 - <<'PYTHON'
import socket
import struct


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


with open("/proc/net/udp") as table:
    ports = [int(line.split()[1].split(":")[1], 16) for line in list(table)[1:]]
others = [port for port in ports if port != 7777]
assert len(others) >= 20, ports
LOOPBACK = socket.inet_aton("127.0.0.1")
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
KINDS = {"host unreachable": (3, 1, 0), "port unreachable": (3, 3, 0), "fragmentation needed": (3, 4, 68),
         "time exceeded": (11, 0, 0)}
for name, (kind, code, mtu) in KINDS.items():
    for number in range(10_000):
        there = others[number % len(others)]
        source, target = (7777, there) if number % 2 else (there, 7777)
        udp = struct.pack("!HHHH", source, target, 82, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 102, 0, 0x4000, 64, 17, 0, LOOPBACK, LOOPBACK)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        body = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + ip + udp
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        raw.sendto(body, ("127.0.0.1", 0))
    print(f"10,000 forged: {name}")
PYTHON

status=0
wait "$client" || status=$?
[ "$status" -le 1 ] || fail "the client ended with $status: $(tail -n 5 "$scratch/out")"
[ "$(number "$scratch/client" connected)" -eq 20 ] || fail "not all clients stayed"
sent=$(number "$scratch/client" messages sent)
lost=$(number "$scratch/client" messages lost)
# The load generator's own sockets are connected ones, where an ICMP error takes the place of one send.
[ $((lost * 100)) -le "$sent" ] || fail "$lost of $sent messages were lost"
grep -q "drops: none" "$scratch/serve" || fail "the server dropped something: $(cat "$scratch/serve")"
echo "20 clients stayed, $lost of $sent messages lost"
