#!/usr/bin/env bash
# Starts the whole chain on sample traffic and asks it, then shows what Weir reads: each time the command and what it prints. scripts/demo.sh PATH-OF-WEIR
set -euo pipefail
cd "$(dirname "$0")/.."
weir=$1
samples=crates/weir/samples

# Bold on a terminal only.
bold='' plain=''
if [ -t 1 ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi
# A title, the command as one would type it, what it prints.
show() {
    local title=$1 typed='' word
    shift
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./,=-]*) word="'$word'" ;; esac
        typed+=" $word"
    done
    echo
    echo "${bold}$title${plain}"
    echo "\$ weir$typed"
    "$weir" "$@"
}

# The whole chain, with everything in a folder that is gone afterwards: meter -> IPFIX over UDP -> collector -> store -> answers.
folder=$(mktemp -d)
service=
end() {
    if [ -n "$service" ]; then
        kill "$service" && wait "$service" || true
    fi
    rm -rf "$folder"
}
trap end EXIT
port=$((20000 + RANDOM % 20000))
cat > "$folder/weir.toml" <<CONFIG
[listen.demo]
url = "udp://127.0.0.1:$port"

[store]
path = "$folder/store"

[console]
listen = "127.0.0.1:$((port + 1))"
CONFIG
"$weir" run -c "$folder/weir.toml" 2> "$folder/log" &
service=$!
# Waits until a command says what it is to say.
until_it_says() {
    local wanted=$1
    shift
    for _ in $(seq 100); do
        if [ "$("$weir" "$@" -c "$folder/weir.toml" 2> /dev/null)" = "$wanted" ]; then
            return
        fi
        sleep 0.1
    done
    cat "$folder/log" >&2
    exit 1
}
until_it_says 1 counters --grep weir_service_build_info --format none

echo "One minute of a small network. A service receives flow export on udp://127.0.0.1:$port and keeps it in $folder/store."
flows=$("$weir" meter -r $samples/packets.pcap --format none)
show "The meter turns the packets of a capture into flows and exports them to the service, as IPFIX" \
    meter -r $samples/packets.pcap --export "udp://127.0.0.1:$port"
until_it_says "$flows" query --format none
show "Who sent most, by the running service: $flows records are in the store" \
    query -c "$folder/weir.toml" --top 5 --by src_addr,dst_addr,dst_port --format table
show "Where it was slow" \
    query 'rtt > 0' -c "$folder/weir.toml" --top 5 --by 'server port' --measures 'connections,rtt p95,srt p95,retransmissions' --sort 'rtt p95' --format table
show "The same store in SQL, read from its files" \
    sql 'SELECT protocol, count(*) AS records, sum(bytes) AS bytes FROM flows GROUP BY protocol ORDER BY bytes DESC' --store "$folder/store" --format table
show "Who exports, and whether anything is missing" \
    sources -c "$folder/weir.toml" --format table

echo
echo "And what each part reads: packets, and what five kinds of exporter tell of them. The captures are in $samples."
show "Packets to flows: round-trip and response times in microseconds, what was sent again, applications" \
    meter -r $samples/packets.pcap --format table \
    --columns src_addr,dst_addr,dst_port,packets,bytes,app,rtt,srt,retransmissions,http_host,tls_sni,dns_name
show "The same for other programs" \
    meter -r $samples/packets.pcap --format json --filter 'http_host = "www.example.net"' \
    --columns time_start,src_addr,dst_addr,bytes,rtt_client,rtt_server,http_method,http_path,http_status
show "NetFlow v5, from a router that sees every packet" \
    decode $samples/netflow5.pcap --format table --limit 8
show "NetFlow v9, 1 packet in 10: the sampling rate and the names of applications come apart, in options" \
    decode $samples/netflow9.pcap --format table --limit 8
show "IPFIX from a firewall, which reports both directions in one record: they become two rows" \
    decode $samples/ipfix.pcap --format table --limit 8
show "The same firewall translates addresses and says so in events" \
    decode $samples/ipfix.pcap --kind event --format table
show "sFlow v5, 1 packet in 512: each row is a sampled packet" \
    decode $samples/sflow.pcap --format table --limit 8
show "The same switch sends the counters of its interfaces" \
    decode $samples/sflow.pcap --kind counters --format table
show "FastNetMon Flow, which passes on what mirrors, sFlow and NetFlow told it" \
    decode $samples/fastnetmon.pcap --format table --limit 8
show "A filter: connection attempts that nobody answered, over all captures" \
    decode $samples/netflow5.pcap $samples/netflow9.pcap $samples/ipfix.pcap --format table \
    --filter 'flags S and not flags A'
show "JSON Lines for other programs, chosen columns, and at the end what was counted" \
    decode $samples/ipfix.pcap --format json --stats --columns time_start,src_addr,dst_addr,dst_port,bytes,app_name,biflow \
    --filter 'inet6 and bytes > 50k'
echo
echo "Your own captures:  $weir decode FILE.pcap    (the manual: docs/README.md)"
