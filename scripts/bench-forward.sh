#!/usr/bin/env bash
# Forwarding through a target that is killed: scripts/bench-forward.sh [RECORDS] [RECORDS_PER_SECOND] [FORMAT...]
#
# One `weir run` is sent so many NetFlow v5 records, each with a number of its own in `bytes`, and sends them on over TCP to another one (formats: ipfix, fastnetmon). That one is
# killed three times (SIGKILL) while records come, is away for a while, and is started again. Told are: records a second from the first one sent to the last one stored there, how
# long the target was away, records that are missing there, and those that came twice. Ends with 1 where one is missing, or where the counters do not add up.
# With BUFFER_PATH=1 records wait on disk. Large receive buffers need `sysctl -w net.core.rmem_max=134217728`.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

records=${1:-1000000} rate=${2:-50000}
shift $(($# < 2 ? $# : 2))
formats=("$@")
[ $# -gt 0 ] || formats=(ipfix fastnetmon)
begin

# Ports that nobody has now: one for datagrams, three for streams.
read -r udp tcp console beside < <(python3 - <<'PYTHON'
import socket
sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, *3 * (socket.SOCK_STREAM,))]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
PYTHON
)

# Sends datagrams of 25 records at the rate: send RECORDS RECORDS_PER_SECOND PORT
send() {
    python3 - "$@" <<'PYTHON'
import socket, struct, sys, time
records, rate, port = map(int, sys.argv[1:])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.connect(("127.0.0.1", port))
begun, now = time.monotonic(), int(time.time())
for first in range(1, records + 1, 25):
    count = min(25, records + 1 - first)
    rows = [
        struct.pack("!IIIHHIIIIHHBBBBHHBBH", 0x0A000001, 0x0A000002, 0, 1, 2, 3, number, 90000, 95000, 1000, 443, 0, 16, 6, 0, 0, 0, 0, 0, 0)
        for number in range(first, first + count)
    ]
    out.send(struct.pack("!HHIIIIBBH", 5, count, 100000, now, 0, first - 1, 0, 0, 0) + b"".join(rows))
    ahead = begun + first / rate - time.monotonic()
    if ahead > 0.002:
        time.sleep(ahead)
PYTHON
}

# A counter of the exports, or of the target.
counter() {
    "$weir" counters -c "$folder/$1.toml" --format json --grep "$2" |
        python3 -c 'import json, sys; print(sum(json.loads(line)["value"] for line in sys.stdin))'
}

start() {
    "$weir" run -c "$folder/$1.toml" --log-format json >"$folder/$1.log" 2>&1 &
}

listening() { until_said "$folder/$1.log" 'answering over HTTP'; }

# What stands at the target: stored EXPRESSION
stored() {
    "$weir" sql -c "$folder/next.toml" --format csv "SELECT $1 FROM flows" | tail -n 1 | tr -d '\r'
}

now() { date +%s%N; }

failed=0
for format in "${formats[@]}"; do
    rm -rf "$folder"/*
    kind=
    [ "$format" != fastnetmon ] || kind='format = "fastnetmon"'
    buffer=
    [ -z "${BUFFER_PATH:-}" ] || buffer="buffer_path = \"$folder/buffer\""
    cat >"$folder/next.toml" <<TOML
[listen.next]
url = "tcp://127.0.0.1:$tcp"
$kind
[console]
listen = "127.0.0.1:$beside"
[store]
path = "$folder/next"
TOML
    cat >"$folder/from.toml" <<TOML
[listen.a]
url = "udp://127.0.0.1:$udp"
[console]
listen = "127.0.0.1:$console"
[store]
path = "$folder/from"
[export.next]
url = "tcp://127.0.0.1:$tcp"
format = "$format"
from = "all"
$buffer
TOML
    start next
    second=$!
    start from
    first=$!
    listening next
    listening from
    begun=$(now)
    send "$records" "$rate" "$udp" &
    sender=$!
    away=0
    for part in 1 2 3; do
        # At a fifth, two fifths and three fifths of the way.
        until [ "$(counter from weir_export_records_total)" -ge $((records * part / 5)) ]; do sleep 0.05; done
        left=$(now)
        kill -9 "$second"
        wait "$second" 2>/dev/null || true
        sleep "0.$((part * 3))"
        start next
        second=$!
        listening next
        away=$((away + $(now) - left))
    done
    wait "$sender"
    sent=$(now)
    # Until as many as there are records stand there, and nothing waits.
    distinct=0
    for _ in $(seq 240); do
        if [ "$(counter from weir_export_waiting_records)" = 0 ]; then
            distinct=$(stored "count(DISTINCT bytes)")
            [ "$distinct" != "$records" ] || break
        fi
        sleep 0.25
    done
    ended=$(now)
    all=$(stored "count(*)")
    chosen=$(counter from weir_export_records_total)
    dropped=$(counter from weir_export_dropped_records_total)
    sum=$(($(counter from weir_export_sent_records_total) - $(counter from weir_export_resent_records_total) +
        $(counter from weir_export_waiting_records) + dropped))
    processor=$(awk '{ print ($14 + $15) * 10 }' "/proc/$first/stat")
    awk -v format="$format" -v records="$records" -v took=$((ended - begun)) -v late=$((ended - sent)) -v away="$away" -v all="$all" -v distinct="$distinct" -v processor="$processor" 'BEGIN {
        printf "%s: %d records, %.0f records/s (%.1f s, %.1f s of them after the last was sent), target away three times for %.1f s together\n", format, records, records / (took / 1e9), took / 1e9, late / 1e9, away / 1e9
        printf "  missing there: %d; stored there more than once: %d; processor time of the sending service: %.1f s\n", records - distinct, all - distinct, processor / 1000
    }'
    echo "  counters: $chosen chosen = $sum (sent - resent + waiting + dropped), $dropped dropped"
    if [ "$distinct" != "$records" ] || [ "$chosen" != "$records" ] || [ "$sum" != "$chosen" ]; then failed=1; fi
    for child in "$first" "$second"; do
        kill "$child"
        wait "$child" || true
    done
done
exit "$failed"
