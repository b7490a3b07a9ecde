#!/usr/bin/env bash
# Random datagrams at full rate beside real ones, for as long as is wanted; prints memory and lines of the log at the begin and the end, and whether
# the real ones are complete. scripts/soak.sh SECONDS [PATH-OF-WEIR]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh
seconds=$1
weir=$(realpath -m "${2:-$weir}")
begin
port=$((20000 + RANDOM % 10000))
# Whoever floods is cut to a rate, so that it cannot take the workers from the others.
cat > "$folder/weir.toml" <<CONFIG
[listen.soak]
url = "udp://127.0.0.1:$port"
rate_limit = 20000

[store]
path = "$folder/store"

[console]
listen = "127.0.0.1:$((port + 1))"
CONFIG
"$weir" run -c "$folder/weir.toml" --log-format json 2> "$folder/log" &
service=$!
until_said "$folder/log" 'answering over HTTP'
state() {
    echo "$1: $(awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/$service/status") MiB resident, $(wc -l < "$folder/log") lines of log"
}
python3 - "$port" "$seconds" > "$folder/sent" <<'SEND' &
"""Sends noise from 16 addresses as fast as it goes, and 1,000 real NetFlow v5 records a second from another; prints how much of both."""
import os, random, socket, struct, sys, time

to, seconds = ("127.0.0.1", int(sys.argv[1])), float(sys.argv[2])
def sender(last):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((f"127.0.0.{last}", 0))
    return one
noisy, real = [sender(last) for last in range(10, 26)], sender(2)
def noise():
    data = os.urandom(random.randrange(1400))
    # Half of it begins like a protocol.
    return random.choice([b"\0\5", b"\0\x09", b"\0\x0a", b"\0\0\0\5"]) + data if random.random() < 0.5 else data
pool = [noise() for _ in range(4096)]
begun, sent, records = time.monotonic(), 0, 0
while (passed := time.monotonic() - begun) < seconds:
    if sent % 65536 == 0:
        pool = [noise() for _ in range(4096)]
    for _ in range(64):
        noisy[sent % 16].sendto(pool[sent % 4096], to)
        sent += 1
    while records < passed * 1000:
        header = struct.pack(">HHIIIIBBH", 5, 1, 100000, int(time.time()), 0, records, 0, 0, 0)
        record = struct.pack(">IIIHHIIIIHHBBBBHHBBH", 0x0A000001, 0x0A000002, 0, 1, 2, 3, 1000, 90000, 95000, 1000, 443, 0, 16, 6, 0, 0, 0, 0, 0, 0)
        real.sendto(header + record, to)
        records += 1
print(sent, records)
SEND
sender=$!
sleep 5
state "after 5 s"
wait "$sender"
sleep 2
state "after $seconds s"
read -r noise records < "$folder/sent"
stored=$("$weir" query 'exporter 127.0.0.2' -c "$folder/weir.toml" --format none)
echo "$noise random datagrams sent, $((noise / seconds)) a second; $records real records sent, $stored stored"
"$weir" counters -c "$folder/weir.toml" --format csv | grep -E 'weir_(receive|decode_(datagrams|faults|pending)|journal_given)' || true
[ "$stored" = "$records" ]
