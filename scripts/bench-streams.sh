#!/usr/bin/env bash
# FastNetMon Flow over streams between two processes of Weir on this machine: scripts/bench-streams.sh [SECONDS] [TCP_RATE] [TLS_RATE]
#
# `weir replay` sends stored flows over one TCP connection, then over one TLS connection, at so many messages a second (600000 and 400000), to `weir run` with a store of its own. Then 200
# connections at once send 2,000 messages a second each. For each is told: the rate that was reached, messages stored of those sent, the share of a core that each process had, and its memory;
# for the many also the fewest and the most records of a connection. Ends with 1 where messages are missing.
# The flows to send are made by the shared load generator (`flowgen`, beside the checkout).
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

seconds=${1:-20} tcp_rate=${2:-600000} tls_rate=${3:-400000}
port=29156
connections=200 each=2000

begin flowgen
rustc -O --edition 2024 -o "$folder/stream_load" crates/transport/examples/stream_load.rs
openssl ecparam -genkey -name prime256v1 -noout -out "$folder/key.pem" 2>/dev/null
openssl req -x509 -new -key "$folder/key.pem" -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
    -out "$folder/cert.pem" 2>/dev/null

# Processor time of a process so far, in hundredths of a second.
ticks() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# Begins `weir run` with one listener more.
listen() {
    cat >"$folder/weir.toml" <<TOML
[listen.bench]
$1

[listen.flows]
url = "udp://127.0.0.1:$((port + 1))"

[store]
path = "$folder/$2"

[console]
listen = "127.0.0.1:$((port + 2))"
TOML
    "$weir" run -c "$folder/weir.toml" --stats >"$folder/log" 2>&1 &
    child=$!
    until_said "$folder/log" receiving
}

# Ends it.
close() {
    peak=$(memory "$child")
    kill -TERM "$child"
    wait "$child" || true
    stored=$(number "$folder/log" records)
}

echo "making two million flows to send"
listen "url = \"tcp://127.0.0.1:$port\"" sent
"$folder/flowgen" send --proto v9 --v6 20 --exporters 20 --flows 2000000 --to "127.0.0.1:$((port + 1))" --rate 10000 >/dev/null
close
[ "$stored" -gt 1500000 ] || { echo "the flows to send were not stored" >&2; exit 1; }

failed=0
# Sends at a rate over one connection: name, rate, keys of the listener, URL.
measure() {
    local name=$1 rate=$2 began from_receiver took receiver sender sent
    listen "$3" "received"
    from_receiver=$(ticks "$child")
    began=$(date +%s%N)
    "$weir" replay --store "$folder/sent" --to "$4" --rate "$rate" --loop --stats >"$folder/replay" 2>&1 &
    sender=$!
    sleep "$seconds"
    local of_sender
    of_sender=$(ticks "$sender")
    receiver=$(($(ticks "$child") - from_receiver))
    took=$((($(date +%s%N) - began) / 10000000))
    kill -INT "$sender"
    wait "$sender" || true
    sleep 2
    close
    sent=$(number "$folder/replay" messages)
    local verdict="all stored"
    if [ "$stored" -ne "$sent" ]; then
        verdict="MISSING: $((sent - stored))"
        failed=1
    fi
    echo "$name: $((sent * 100 / took)) messages/s of $rate asked for, $stored of $sent ($verdict); sender $((of_sender * 100 / took)) % of a core, receiver $((receiver * 100 / took)) %, at most $peak MiB resident"
    rm -rf "$folder/received"
}
measure "one TCP connection" "$tcp_rate" "url = \"tcp://127.0.0.1:$port\"
format = \"fastnetmon\"" "tcp://127.0.0.1:$port?format=fastnetmon"
measure "one TLS connection" "$tls_rate" "url = \"tls://127.0.0.1:$port\"
format = \"fastnetmon\"
certificate = \"$folder/cert.pem\"
private_key = \"$folder/key.pem\"" "tls://127.0.0.1:$port?format=fastnetmon&server_name=localhost&ca=$folder/cert.pem"

listen "url = \"tcp://127.0.0.1:$port\"
format = \"fastnetmon\"" many
before=$(ticks "$child")
"$folder/stream_load" "127.0.0.1:$port" "$connections" "$each" "$seconds" >"$folder/load"
receiver=$(($(ticks "$child") - before))
sleep 3
close
"$weir" query --store "$folder/many" --top "$connections" --by exporter --format json >"$folder/of_each" 2>/dev/null
sent=$(number "$folder/load" messages)
counts=$(sed -n 's/.*"flows":\([0-9]*\).*/\1/p' "$folder/of_each" | sort -n)
took=$(number "$folder/load" seconds)
[ "$stored" -eq "$sent" ] && [ "$(echo "$counts" | sort -u)" = $((each * seconds)) ] || failed=1
echo "$connections connections: $stored of $sent messages stored within $took s, between $(echo "$counts" | head -n 1) and $(echo "$counts" | tail -n 1) of each of $(echo "$counts" | wc -l) connections; the slowest was at most $(number "$folder/load" most_behind) messages behind; receiver $(awk "BEGIN { printf \"%d\", $receiver / $took }") % of a core, at most $peak MiB resident"
exit "$failed"
