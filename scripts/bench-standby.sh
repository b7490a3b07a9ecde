#!/usr/bin/env bash
# CPU time of a unit that stands by, beside others on the same packets at the same time: scripts/bench-standby.sh [SECONDS] [PACKETS_PER_SECOND] [CONNECTIONS]
#
# Three services meter one interface of a namespace, to which iperf3 sends datagrams from another one: a service alone, and two units of a pair, of which one is active and one stands by.
# Told is the time that each has spent on a core, by the kernel's count. Needs root, ip and iperf3.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

seconds=${1:-60} rate=${2:-20000} connections=${3:-100}
begin
here=wsb$$ there=wsb$$c
cleanup() {
    end
    ip netns del "$here" 2>/dev/null || true
    ip netns del "$there" 2>/dev/null || true
}
trap cleanup EXIT

ip netns add "$here"
ip netns add "$there"
ip link add eth0 netns "$here" type veth peer name eth0 netns "$there"
for end in "$here 1" "$there 2"; do
    read -r name last <<<"$end"
    ip -n "$name" addr add "10.77.0.$last/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" link set lo up
done

# A service: start NAME KEYS
start() {
    mkdir "$folder/$1"
    cat >"$folder/$1/weir.toml" <<TOML
[control]
socket = "$folder/$1.sock"
[meter]
interfaces = ["eth0"]
active_timeout = "10s"
$2
TOML
    ip netns exec "$here" "$weir" run -c "$folder/$1/weir.toml" --log-format json >"$folder/$1/log" 2>&1 &
    declare -g "pid_$1=$!"
    until_said "$folder/$1/log" 'listening on'
    until_said "$folder/$1/log" 'the control socket is open'
}
ha() { "$weir" ha "${@:2}" -c "$folder/$1/weir.toml"; }

ip netns exec "$here" "${sink[@]}" 4739 &

export='[export.collector]
url = "udp://127.0.0.1:4739"'
start alone "$export"
start active "[ha]
mode = \"command\"
listen = \"127.0.0.1:4741\"
$export"
start standby "[ha]
mode = \"command\"
$export"
ha active active --format none
ha standby join 127.0.0.1 "$(ha active init --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')" --format none

# Nanoseconds on a core, of all threads that there are.
spent() { awk '{ sum += $1 } END { printf "%.0f\n", sum }' "/proc/$1/task/"*/schedstat; }
names=(alone active standby)
measure() {
    for name in "${names[@]}"; do
        pid=pid_$name
        spent "${!pid}"
    done
}

ip netns exec "$here" iperf3 -s -1 >"$folder/server" 2>&1 &
sleep 1
each=$((rate * 8000 / connections))
ip netns exec "$there" iperf3 -c 10.77.0.1 -u -l 1000 -b "$each" -P "$connections" -t $((seconds + 6)) >"$folder/client" 2>&1 &
sleep 3
mapfile -t before < <(measure)
received() { ip -n "$here" -s -j link show eth0 | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])'; }
first=$(received)
sleep "$seconds"
mapfile -t behind < <(measure)
packets=$(($(received) - first))

printf '%s packets in %s s\n%-34s %12s %22s\n' "$packets" "$seconds" service "CPU seconds" "of one alone"
words=("alone" "of a pair, active" "of a pair, stands by")
for place in "${!names[@]}"; do
    awk -v name="${words[$place]}" -v spent=$((behind[place] - before[place])) -v one=$((behind[0] - before[0])) \
        'BEGIN { printf "%-34s %12.2f %20.0f %%\n", name, spent / 1e9, 100 * spent / one }'
done
ha standby status
