#!/usr/bin/env bash
# The console over a full store: scripts/bench-console.sh [FLOWS] [SECONDS_OF_VIEWERS] [SECONDS_OF_MEMORY]
#
# The shared load generator (`flowgen`, beside the checkout) sends FLOWS wide NetFlow v9 records from 20 exporters to `weir run` whose clock runs so fast (faketime) that they fill 24 hours. Then, with
# the true clock: first paint of each page in Chromium, times of all widgets of the ready-made dashboards, of questions over records and of drilling down; 20 viewers beside intake of 100,000 records a
# second, of which each has to be stored; and the memory of the page beside that intake. The program has to have the console in it (make ui, before the release build).
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

flows=${1:-20000000} viewing=${2:-60} remembering=${3:-600}
port=29257 console=127.0.0.1:29258
datagrams=6700 per=15

for needed in faketime chromium; do
    command -v "$needed" >/dev/null || { echo "$needed is not installed" >&2; exit 2; }
done
PATH="$(scripts/node.sh):$PATH"
begin flowgen
cat >"$folder/weir.toml" <<TOML
[listen.bench]
url = "udp://127.0.0.1:$port"

[store]
path = "$folder/store"

[console]
listen = "$console"
TOML

send() {
    "$folder/flowgen" send --proto v9 --wide --v6 20 --exporters 20 --flows "$1" --to "127.0.0.1:$port" --rate "$datagrams" --seed "$2" >"$folder/sent"
}

took=$((flows / (datagrams * per) + 1))
begun=$(date -u -d "now - 24 hours + $took seconds" '+%Y-%m-%d %H:%M:%S')
# Not by the command faketime, which would take the signals.
library=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
TZ=UTC LD_PRELOAD=$library FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME="@$begun x$((86400 / (took + 5)))" "$weir" run -c "$folder/weir.toml" 2>"$folder/log" &
child=$!
until_said "$folder/log" receiving
send "$flows" 1
sleep 2
kill "$child"
wait "$child" || true
echo "$(records_in "$folder/store") of $flows records stored"

"$weir" run -c "$folder/weir.toml" 2>"$folder/log" &
until_said "$folder/log" 'answering over HTTP'
sleep 5
token=$(cat "$folder/store/console/local.token")
bench() {
    echo "== $1"
    node ui/bench/console.mjs "$1" "http://$console" "$token" "${2:-}"
}
bench paint
bench widgets
bench questions

before=$(records_in "$folder/store")
more=$((viewing * datagrams * per))
send "$more" 2 &
sender=$!
bench viewers "$((viewing - 5))"
wait "$sender"
sleep 3
echo "$(($(records_in "$folder/store") - before)) of $more records stored beside the viewers"

send "$((remembering * datagrams * per))" 3 &
sender=$!
bench memory "$remembering"
kill "$sender" 2>/dev/null || true
