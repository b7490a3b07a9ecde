#!/usr/bin/env bash
# Shows what Weir reads: a sample of each flow protocol, the command, the records. scripts/demo.sh PATH-OF-WEIR
set -euo pipefail
cd "$(dirname "$0")/.."
weir=$1
samples=crates/weir/samples

# Bold on a terminal only.
bold='' plain=''
if [ -t 1 ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi
show() {
    local title=$1
    shift
    echo
    echo "${bold}$title${plain}"
    echo "\$ weir $*"
    "$weir" "$@"
}

echo "One minute of a small network, as five kinds of exporter tell of it. The samples are in $samples."
show "NetFlow v5, from a router that sees every packet" decode "$samples/netflow5.pcap" --format table
show "NetFlow v9, 1 packet in 10; names of interfaces and applications come in options" decode "$samples/netflow9.pcap" --format table
show "IPFIX from a firewall: both directions of a connection in one record become two rows" decode "$samples/ipfix.pcap" --format table
show "... and its address translations, which are events" decode "$samples/ipfix.pcap" --kind event --format table
show "sFlow v5, 1 packet in 512: each row is one sampled packet" decode "$samples/sflow.pcap" --format table
show "... and the counters of the switch's interfaces" decode "$samples/sflow.pcap" --kind counters --format table
show "FastNetMon Flow" decode "$samples/fastnetmon.pcap" --format table
show "A filter: who was asked for HTTPS over IPv6, or knocked in vain?" decode "$samples/netflow5.pcap" "$samples/netflow9.pcap" \
    --filter "inet6 and dst port 443 or flags S and not flags A" --format table
show "JSON Lines for other programs, and what was counted" decode "$samples/ipfix.pcap" --filter "app_name = \"ssh\"" --format json --stats
echo
echo "Your own captures: $weir decode FILE.pcap   (manual: docs/README.md)"
