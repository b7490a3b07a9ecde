#!/usr/bin/env bash
# Gets the programs that tests talk to: collectors, analysers, servers. Best effort: a test whose program is missing says that it is skipped.
set -uo pipefail

# Readers of columnar files, a server of the S3 protocol and a writer of FastNetMon Flow, in a Python of their own. Tests look here, or where WEIR_PYTHON says.
python="${XDG_CACHE_HOME:-$HOME/.cache}/weir/python"
if ! "$python/bin/python" -c "import capnp, duckdb, moto.server" 2>/dev/null; then
    echo "setup-tests: installing duckdb, moto and pycapnp from PyPI in $python"
    python3 -m venv "$python" && "$python/bin/python" -m pip install -q duckdb 'moto[s3,server]' pycapnp ||
        echo "setup-tests: cannot install them; their tests are skipped"
fi

packages=()
want() {
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || packages+=("$2")
}
# Network namespaces and links; the compiler of packet filters, which is loaded when it is needed.
want ip iproute2
[ -n "$(ldconfig -p 2>/dev/null | grep libpcap.so)" ] || packages+=(libpcap0.8)
# Readers of what is exported.
want nfcapd nfdump
want tshark tshark
want dumpcap wireshark-common
# Another writer and reader of FastNetMon Flow.
want capnp capnproto
want go golang-go
want softflowd softflowd
want openssl openssl
# A shell that is told what may follow.
want zsh zsh
# Live traffic of real programs.
want curl curl
want nginx nginx-light
want haproxy haproxy
want dnsmasq dnsmasq-base
want dig bind9-dnsutils
want psql postgresql
want iperf3 iperf3
# What moves an address between two machines.
want keepalived keepalived
# Pages of the console.
want chromium chromium
[ ${#packages[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup-tests: not installed, so some tests are skipped: ${packages[*]}"
    exit 0
fi
echo "setup-tests: installing ${packages[*]}"
# No server starts by being installed: tests start their own.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
for package in "${packages[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || echo "setup-tests: cannot install $package; its tests are skipped"
done
exit 0
