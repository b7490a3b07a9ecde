#!/usr/bin/env bash
# Starts the whole chain on sample traffic and asks it, then shows what Weir reads: each time the command and what it prints. On a terminal the console stays
# until Ctrl-C; with WEIR_DEMO=stay it does elsewhere too. scripts/demo.sh PATH-OF-WEIR
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
told=$(mktemp)
service=
end() {
    if [ -n "$service" ]; then
        kill "$service" && wait "$service" || true
    fi
    rm -f "$told"
}
trap end EXIT
stays=
if [ -t 1 ] || [ "${WEIR_DEMO:-}" = stay ]; then
    stays=1
fi
listen=(--listen 127.0.0.1:0)
[ -z "$stays" ] || listen=()
"$weir" demo "${listen[@]}" > "$told" &
service=$!
# Waits until a command is true.
until_it_is() {
    for _ in $(seq 200); do
        if "$@"; then
            return
        fi
        sleep 0.1
    done
    echo "the demo does not start" >&2
    exit 1
}
until_it_is grep -q '^end' "$told"
config=$(sed -n 's/^ask .* -c \([^ ]*\) .*/\1/p' "$told")
has_records() {
    [ "$("$weir" query -c "$config" --format none 2> /dev/null)" -ge "$1" ]
}
# The demo begins with an hour in which this and more happens each minute.
until_it_is has_records $(($("$weir" meter -r $samples/packets.pcap --format none) * 50))

echo "A small network: a meter exports to a service as four devices, an hour at once and then as time goes by; four other devices send too. This is what \`weir demo\` starts:"
cat "$told"
url=$(sed -n 's/^console *//p' "$told")
if [ -n "$stays" ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
    xdg-open "$url" >/dev/null 2>&1 || true
fi
show "Who sent most, by the running service" \
    query -c "$config" --top 5 --by src_addr,dst_addr,dst_port --format table
show "Over time, by what is inside and what is outside" \
    query 'src side internal and dst side external' -c "$config" --series 10m --last 1h --measures bps,pps --format table
show "Where it was slow" \
    query 'rtt > 0' -c "$config" --top 5 --by 'server port' --measures 'connections,rtt p95,srt p95,retransmissions' --sort 'rtt p95' --format table
show "The same store in SQL, read from its files" \
    sql 'SELECT protocol, count(*) AS records, sum(bytes) AS bytes FROM flows GROUP BY protocol ORDER BY bytes DESC' --store "$(dirname "$config")/store" --format table
show "Who exports, and whether anything is missing" \
    sources -c "$config" --format table

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
if [ -n "$stays" ]; then
    echo "The console:        ${bold}$url${plain}    (Ctrl-C ends it)"
    wait "$service" || true
    service=
fi
