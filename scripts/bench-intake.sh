#!/usr/bin/env bash
# Loss and exactness of intake: scripts/bench-intake.sh [SECONDS] [RECORDS_PER_SECOND] [PROTOCOL...]
#
# The shared load generator (`flowgen`, beside the checkout) sends so many wide records a second over the loopback interface to `weir run`, each protocol (v5, v9, ipfix, sflow) for so
# long, with 20 exporters. For each is told: records stored of those sent, whether the sums of octets and packets are those of the generator, datagrams that were lost and where they were
# counted, and memory. Ends with 1 where a datagram is neither stored nor counted as lost, or a sum differs though nothing was lost.
# With ASK=1 two questions at a time are asked all the while, one after the other, and how many were answered is told.
# Large receive buffers need `sysctl -w net.core.rmem_max=134217728`.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/bench-lib.sh

seconds=${1:-60} rate=${2:-300000}
shift $(($# < 2 ? $# : 2))
protocols=("$@")
[ $# -gt 0 ] || protocols=(v5 v9 ipfix sflow)
port=29056

begin flowgen

# Asks the service the same again and again until the load ends, and tells how often it answered and the longest time.
ask() {
    local name=$1 answered=0 began longest=0 took
    shift
    while [ -e "$folder/asking" ]; do
        began=$(date +%s%N)
        if "$weir" query -c "$folder/weir.toml" "$@" --format json >"$folder/answer.$name" 2>"$folder/errors.$name"; then
            answered=$((answered + 1))
        else
            echo "  $name: $(head -n 1 "$folder/errors.$name")" >&2
        fi
        took=$((($(date +%s%N) - began) / 1000000))
        [ "$took" -le "$longest" ] || longest=$took
    done
    echo "  $name: $answered answers, the slowest in $longest ms"
}

failed=0
for protocol in "${protocols[@]}"; do
    # Records of a datagram, as the generator fills them.
    case $protocol in v5) each=30 ;; v9) each=15 ;; ipfix) each=14 ;; sflow) each=7 ;; *) echo "$protocol: expected v5, v9, ipfix or sflow" >&2; exit 2 ;; esac
    cat >"$folder/weir.toml" <<TOML
[listen.bench]
url = "udp://127.0.0.1:$port"
receive_buffer = "64MiB"

[store]
path = "$folder/store"

[console]
listen = "127.0.0.1:$((port + 1))"
TOML
    "$weir" run -c "$folder/weir.toml" --stats >"$folder/log" 2>&1 &
    child=$!
    until_said "$folder/log" receiving
    askers=()
    if [ -n "${ASK:-}" ]; then
        touch "$folder/asking"
        ask top --top 10 --by src_addr &
        askers+=($!)
        ask series --series 10s --by protocol &
        askers+=($!)
    fi
    "$folder/flowgen" send --proto "$protocol" --wide --v6 20 --exporters 20 --flows $((rate * seconds)) --to "127.0.0.1:$port" --rate $((rate / each)) >"$folder/sent"
    rm -f "$folder/asking"
    [ ${#askers[@]} -eq 0 ] || wait "${askers[@]}"
    sleep 3
    peak=$(memory "$child")
    kill -TERM "$child"
    wait "$child" || true
    "$weir" query --store "$folder/store" --summary --unscaled --format json >"$folder/summary" 2>/dev/null
    flows=$(($(number "$folder/summary" flows) + $(sed -n 's/.*"samples":\([0-9]*\).*/\1/p' "$folder/summary" | grep . || echo 0)))
    lost=$(($(number "$folder/log" kernel_dropped) + $(number "$folder/log" queue_dropped)))
    received=$(number "$folder/log" decoded)
    sent=$(number "$folder/sent" datagrams)
    verdict="every datagram accounted for"
    if [ $((received + lost)) -ne "$sent" ]; then
        verdict="NOT ACCOUNTED FOR: $((sent - received - lost)) datagrams"
        failed=1
    elif [ "$lost" -eq 0 ]; then
        verdict="sums equal"
        for key in bytes packets; do
            if [ "$(number "$folder/summary" $key)" != "$(number "$folder/sent" $key)" ]; then
                verdict="SUM OF $key DIFFERS: $(number "$folder/summary" $key), sent $(number "$folder/sent" $key)"
                failed=1
            fi
        done
        if [ "$flows" -ne $((rate * seconds)) ]; then
            verdict="RECORDS DIFFER"
            failed=1
        fi
    fi
    took=$(number "$folder/sent" seconds)
    echo "$protocol: $flows of $((rate * seconds)) records stored, sent within $took s, $lost datagrams lost ($(number "$folder/log" kernel_dropped) in the kernel), $verdict, at most $peak MiB resident"
    rm -rf "$folder/store"
done
exit "$failed"
