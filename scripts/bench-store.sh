#!/usr/bin/env bash
# Receive to stored, and questions, beside nfcapd, nfdump and DuckDB on the same flows in the same run: scripts/bench-store.sh [FLOWS] [DATAGRAMS_PER_SECOND] [RUNS]
#
# The shared load generator (`flowgen`, beside the checkout) sends wide NetFlow v9 over the loopback interface to `nfcapd -y` and to `weir run`, one after the other. What is told:
# CPU seconds (user and system) of the whole life of each process a million records, records stored, octets on disk a record; then the wall-clock time of the
# questions below, the least of RUNS in turns. A peer that is not installed is left out; PYTHON names an interpreter that has the module `duckdb`.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

flows=${1:-20000000} rate=${2:-10000} runs=${3:-3}
python=${PYTHON:-python3}
port=29055

begin flowgen

# Runs a collector, sends it so many flows, ends it by a signal, and leaves its CPU seconds in `spent`.
collect() {
    local name=$1 count=$2 signal=$3 child waiter
    shift 3
    (
        "$@" >"$folder/$name.log" 2>&1 &
        # Whoever ends this one ends the collector.
        trap 'kill $!; wait $!' TERM
        echo $! >"$folder/pid"
        wait $! || true
        times >"$folder/times"
    ) &
    waiter=$!
    sleep 2
    child=$(cat "$folder/pid")
    "$folder/flowgen" send --proto v9 --wide --v6 20 --exporters 20 --flows "$count" --to "127.0.0.1:$port" --rate "$rate" >"$folder/sent"
    sleep 3
    kill -"$signal" "$child"
    wait "$waiter" 2>/dev/null || true
    # The second line is that of the processes that were waited for.
    spent=$(awk 'NR == 2 { for (place = 1; place <= 2; place++) { split($place, part, "m"); sum += part[1] * 60 + part[2] } print sum }' <"$folder/times")
}

# Name, records, octets.
tell() {
    awk -v name="$1" -v records="$2" -v octets="$3" -v spent="$spent" -v sent="$flows" \
        'BEGIN { printf "%-10s %d of %d records stored, %.3f CPU-s a million, %.1f octets a record\n", name, records, sent, spent * 1e6 / sent, octets / (records ? records : 1) }'
}

if command -v nfcapd >/dev/null; then
    mkdir "$folder/nfcapd"
    collect nfcapd "$flows" TERM nfcapd -y -b 127.0.0.1 -p "$port" -w "$folder/nfcapd" -B 16777216
    records=$(nfdump -R "$folder/nfcapd" -I 2>/dev/null | awk -F': ' '$1 == "Flows" { sum += $2 } END { print sum + 0 }')
    tell nfcapd "$records" "$(du -sb "$folder/nfcapd" | cut -f1)"
fi

# To the journal and no further: one segment that holds all, and an end that leaves no time to make files of it.
cat >"$folder/journal.toml" <<TOML
[listen.bench]
url = "udp://127.0.0.1:$port"

[store]
path = "$folder/journal"
segment_size = "1GiB"
segment_age = "1h"
TOML
few=$((flows < 9000000 ? flows : 9000000))
collect journal "$few" KILL "$weir" run -c "$folder/journal.toml"
records=$(records_in "$folder/journal")
awk -v records="$records" -v sent="$few" -v spent="$spent" 'BEGIN { printf "journal    %d of %d records durable, %.3f CPU-s a million\n", records, sent, spent * 1e6 / sent }'
rm -rf "$folder/journal"

cat >"$folder/weir.toml" <<TOML
[listen.bench]
url = "udp://127.0.0.1:$port"

[store]
path = "$folder/store"
TOML
collect weir "$flows" TERM "$weir" run -c "$folder/weir.toml"
records=$(records_in "$folder/store")
tell weir "$records" "$(du -sb "$folder/store" | cut -f1)"

# The least wall-clock time of a command; that nothing was found (exit 1) is an answer too.
best() {
    local TIMEFORMAT=%R least= spent run
    for ((run = 0; run < runs; run++)); do
        spent=$({ time "$@" >"$folder/answer" 2>"$folder/errors" || [ $? -eq 1 ]; } 2>&1) || { cat "$folder/errors" >&2; return 1; }
        least=$(printf '%s\n' "$spent" ${least:+"$least"} | sort -n | head -n 1)
    done
    printf '%s' "$least"
}

duckdb() {
    "$python" - "$folder/store/flows" "$1" <<'PYTHON'
import sys, duckdb
files = f"read_parquet('{sys.argv[1]}/**/*.parquet', union_by_name = true)"
duckdb.sql("SET threads = 2")
duckdb.sql(sys.argv[2].replace("FLOWS", files)).fetchall()
PYTHON
}

# Question, arguments of nfdump, of weir, text for DuckDB.
ask() {
    printf '%-28s' "$1"
    if command -v nfdump >/dev/null; then
        # shellcheck disable=SC2086 # the arguments are several
        printf ' nfdump %s s' "$(eval "best nfdump -R '$folder/nfcapd' $2")"
    fi
    printf '  weir %s s' "$(eval "best '$weir' query --store '$folder/store' $3")"
    if "$python" -c 'import duckdb' 2>/dev/null; then
        printf '  DuckDB %s s' "$(best duckdb "$4")"
    fi
    echo
}

ask 'top 10 sources by bytes' "-s srcip/bytes -n 10" "--top 10 --by src_addr" \
    'SELECT src_addr_high, src_addr_low, sum(bytes) AS octets FROM FLOWS GROUP BY ALL ORDER BY octets DESC LIMIT 10'
ask 'four keys' "-A srcip,dstip,proto,dstport -O bytes -n 10" "--top 10 --by 'src_addr, dst_addr, protocol, dst_port'" \
    'SELECT src_addr_high, src_addr_low, dst_addr_high, dst_addr_low, protocol, dst_port, sum(bytes) AS octets FROM FLOWS GROUP BY ALL ORDER BY octets DESC LIMIT 10'
# A frequent host, of which every second page has a record; one of some twenty records; one that is nowhere.
for host in 10.0.3.232 198.19.13.37 203.0.113.9; do
    IFS=. read -r one two three four <<<"$host"
    low=$(((4 << 32) + (one << 24) + (two << 16) + (three << 8) + four))
    ask "records of $host" "'ip $host'" "'ip $host' --limit 1000000 --format json" \
        "SELECT * FROM FLOWS WHERE (src_addr_high = 0 AND src_addr_low = $low) OR (dst_addr_high = 0 AND dst_addr_low = $low)"
done
