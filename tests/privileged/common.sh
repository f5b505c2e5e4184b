# What the privileged tests share. Sourced, with DRUMFIRE naming the program under test.
# shellcheck shell=bash

set -euo pipefail
: "${DRUMFIRE:=$(dirname "${BASH_SOURCE[0]}")/../../target/release/drumfire}"
scratch=$(mktemp -d)
running=()

clean_up() {
    local pid
    for pid in "${running[@]:-}"; do
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Says why this test cannot run here, and ends it.
cannot() {
    echo "cannot run here: $*" >&2
    exit 77
}

# The rest of the script in a network namespace of its own, with loopback and nothing else.
in_own_network() {
    if [ -z "${DRUMFIRE_NAMESPACE:-}" ]; then
        unshare --net true 2>/dev/null || cannot "no right to make a network namespace"
        export DRUMFIRE DRUMFIRE_NAMESPACE=1
        exec unshare --net bash "$0"
    fi
    ip link set lo up
}

# start LOG COMMAND…: a program in the background; its id is in `last`.
start() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 &
    last=$!
    running+=("$last")
}

# Waits until a file holds a text, for at most ten seconds.
await() {
    local _
    for _ in $(seq 200); do
        ! grep -q -- "$2" "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "no \"$2\" in: $(cat "$1" 2>/dev/null)"
}

# number FILE PATH…: a number in a JSON file, by its keys.
number() {
    python3 -c '
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value.get(key, 0)
print(int(value or 0))' "$@"
}
