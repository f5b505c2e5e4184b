#!/usr/bin/env bash
# R3: every error of the socket's calls has the outcome the table says, seen from outside.
#
# The echo server runs under a tracer that makes every seventh call fail, one run for each call and
# error. Whatever the error, every client stays connected to the end and nothing is damaged; errors
# that say "not now" lose nothing.
source "$(dirname "$0")/common.sh"
command -v strace >/dev/null || cannot "no strace"
command -v python3 >/dev/null || cannot "no python3"
in_own_network
strace -qq -o /dev/null -e inject=getpid:error=EPERM true 2>/dev/null || cannot "no right to trace"

clients=10
port=27000

# cell CALL ERROR WHEN MOST_LOST: one run.
cell() {
    local call=$1 error=$2 when=$3 most_lost=$4 lost sent
    port=$((port + 1))
    start "$scratch/serve" strace -f -qq -o "$scratch/trace" -e trace="$call" \
        -e inject="$call:error=$error:when=$when" \
        "$DRUMFIRE" serve --plain --bind "127.0.0.1:$port" --echo --stats-json "$scratch/stats"
    local server=$last
    await "$scratch/serve" "listening on"
    "$DRUMFIRE" client "127.0.0.1:$port" --plain --clients "$clients" --rate 30 --duration 1 --warmup 0 \
        --json "$scratch/client" >"$scratch/out" 2>&1 || [ $? -eq 1 ] || fail "$call $error: $(cat "$scratch/out")"
    # The tracer passes the signal on to the server, which says its farewells.
    kill -TERM "$(pgrep -P "$server")" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    grep -q "INJECTED" "$scratch/trace" || fail "$call $error: nothing was injected"
    [ "$(number "$scratch/client" connected)" -eq "$clients" ] || fail "$call $error: not all clients connected"
    [ "$(number "$scratch/client" messages corrupt)" -eq 0 ] || fail "$call $error: damaged messages"
    sent=$(number "$scratch/client" messages sent)
    lost=$(number "$scratch/client" messages lost)
    [ "$sent" -gt 0 ] || fail "$call $error: nothing was sent"
    [ $((lost * 100)) -le $((most_lost * sent)) ] || fail "$call $error: $lost of $sent lost, at most $most_lost % expected"
    printf '%-9s %-13s %4d sent %4d lost\n' "$call" "$error" "$sent" "$lost"
}

# Not now: the datagram is kept.
for error in EAGAIN ENOBUFS ENOMEM EINTR; do
    cell sendmmsg "$error" 5+7 0
done
# This datagram or this address: dropped and counted, the others go out.
for error in EMSGSIZE ECONNREFUSED EHOSTUNREACH ENETUNREACH ENETDOWN EPERM EACCES EINVAL; do
    cell sendmmsg "$error" 5+7 40
done
# Reading: whatever fails, the datagrams stay in the kernel.
for error in EAGAIN EINTR ENOBUFS ENOMEM ECONNREFUSED EHOSTUNREACH ENETUNREACH ENETDOWN EPERM EACCES; do
    cell recvmmsg "$error" 5+7 0
done
# The socket is gone: it is made again at the same address, and the connections live on.
for error in EBADF ENOTSOCK ENODEV; do
    cell sendmmsg "$error" 60 40
    cell recvmmsg "$error" 60 40
done
