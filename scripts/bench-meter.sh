#!/usr/bin/env bash
# Packets per CPU-second of `weir meter` beside softflowd and nfpcapd, on the same capture in the same run: scripts/bench-meter.sh [PACKETS] [SESSIONS] [RUNS]
#
# The capture is made by the shared load generator (`flowgen`, beside the checkout). Each program reads it RUNS times in turns; what counts is the least user and
# system time of its runs. A peer that is not installed is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

packets=${1:-3000000} sessions=${2:-50000} runs=${3:-3}

begin flowgen
"$folder/flowgen" packets --packets "$packets" --sessions "$sessions" --out "$folder/packets.pcap"
cat "$folder/packets.pcap" >/dev/null # into the page cache

if command -v python3 >/dev/null; then
    "${sink[@]}" 9999 &
fi

names=() best=()
# CPU seconds of a command, user and system together; what it prints goes to a log that is shown where it fails.
seconds_of() {
    local TIMEFORMAT='%U %S' spent
    if ! spent=$({ time "$@" >"$folder/log" 2>&1; } 2>&1); then
        cat "$folder/log" >&2
        return 1
    fi
    awk '{ print $1 + $2 }' <<<"$spent"
}

# One run of a program; the fastest of its runs is kept.
run() {
    local name=$1 place spent
    shift
    spent=$(seconds_of "$@")
    for place in "${!names[@]}"; do
        if [ "${names[$place]}" = "$name" ]; then
            best[place]=$(awk -v one="${best[$place]}" -v other="$spent" 'BEGIN { print one < other ? one : other }')
            return
        fi
    done
    names+=("$name") best+=("$spent")
}

for _ in $(seq "$runs"); do
    run "weir meter" "$weir" meter -r "$folder/packets.pcap" --format none
    run "weir meter, exported" "$weir" meter -r "$folder/packets.pcap" --format none --export udp://127.0.0.1:9999
    if command -v softflowd >/dev/null; then
        run softflowd softflowd -r "$folder/packets.pcap" -n 127.0.0.1:9999 -v 10 -d -m 500000
    fi
    if command -v nfpcapd >/dev/null; then
        mkdir -p "$folder/nfpcapd"
        run nfpcapd nfpcapd -r "$folder/packets.pcap" -w "$folder/nfpcapd" -t 300 -y
    fi
done

printf '\n%-22s %14s %22s %20s\n' program "CPU seconds" "packets/CPU-second" "weir meter is"
for place in "${!names[@]}"; do
    awk -v name="${names[$place]}" -v spent="${best[$place]}" -v weir="${best[0]}" -v packets="$packets" \
        'BEGIN { printf "%-22s %14.2f %20.2f M %15.1f times\n", name, spent, packets / spent / 1e6, spent / weir }'
done
