#!/usr/bin/env bash
# What the benchmarks beside it, and soak.sh, begin with and measure by; they source it.
#
# `WEIR` names another program than that of target/release, `WEIR_SHARED` the folder that has the shared load generator (bench/flowgen.rs).

# The program that is measured.
weir=$(realpath -m "${WEIR:-${CARGO_TARGET_DIR:-target}/release/weir}")

# Makes $folder. It is gone when the script ends, and so is what runs in the background. `begin flowgen` builds the load generator there; without its source
# the script ends.
begin() {
    local source=${WEIR_SHARED:-../shared}/bench/flowgen.rs
    if [ "${1:-}" = flowgen ] && [ ! -f "$source" ]; then
        echo "skipped: the load generator is not beside the checkout ($source); WEIR_SHARED names the folder that has bench/flowgen.rs"
        exit 0
    fi
    if [ ! -x "$weir" ]; then
        echo "$weir is not there: cargo build --release --package weir" >&2
        exit 2
    fi
    folder=$(mktemp -d "${TMPDIR:-/tmp}/weir-bench.XXXXXX")
    trap end EXIT
    [ "${1:-}" != flowgen ] || rustc -O --edition 2021 -o "$folder/flowgen" "$source"
}

end() {
    local job
    for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
    wait
    rm -rf "$folder"
}

# Waits until a log says something: until_said LOG WORDS. Shows the log and ends where it does not within half a minute.
until_said() {
    for _ in $(seq 3000); do
        ! grep -q "$2" "$1" || return 0
        sleep 0.01
    done
    cat "$1" >&2
    exit 2
}

# The last number behind a key in a file of JSON, or in what is piped to it: number FILE|- KEY
number() {
    sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$1" | tail -n 1
}

# How many records a store holds.
records_in() {
    "$weir" query --store "$1" --summary --unscaled --format json | number - flows
}

# The largest resident memory of a process so far, in MiB.
memory() {
    awk '/^VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$1/status"
}

# Takes datagrams at a port of 127.0.0.1: "${sink[@]}" PORT. Where nobody does, the kernel answers each with an error.
sink=(python3 -c '
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.recv(65536)')
