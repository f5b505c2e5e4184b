#!/usr/bin/env bash
# R5: when the ephemeral ports are used up, connecting fails with a typed error, what is connected
# stays so, and a port that is given back is of use again.
source "$(dirname "$0")/common.sh"
in_own_network
echo "40000 40005" >/proc/sys/net/ipv4/ip_local_port_range || cannot "the port range cannot be set"

start "$scratch/serve" "$DRUMFIRE" serve --plain --bind 127.0.0.1:7777 --echo
await "$scratch/serve" "listening on"
players=()
for index in 1 2 3 4 5 6; do
    start "$scratch/player$index" "$DRUMFIRE" client 127.0.0.1:7777 --plain --clients 1 --rate 10 --duration 20
    players+=("$last")
    await "$scratch/player$index" "clients connected"
done
status=0
timeout 20 "$DRUMFIRE" ping 127.0.0.1:7777 --plain --count 1 >"$scratch/seventh" 2>&1 || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail "the seventh client got a port: $(cat "$scratch/seventh")"
grep -qi "in use\|not available\|free" "$scratch/seventh" || fail "no reason given: $(cat "$scratch/seventh")"
for pid in "${players[@]}"; do
    kill -0 "$pid" 2>/dev/null || fail "a connected client ended"
done
kill "${players[0]}"
wait "${players[0]}" 2>/dev/null || true
timeout 20 "$DRUMFIRE" ping 127.0.0.1:7777 --plain --count 1 >"$scratch/again" 2>&1 || fail "the port was not given back: $(cat "$scratch/again")"
echo "six clients, the seventh refused: $(tail -n 1 "$scratch/seventh")"
