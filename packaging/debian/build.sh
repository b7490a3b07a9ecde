#!/usr/bin/env bash
# Makes the Debian package of a built program: packaging/debian/build.sh target/release/weir OUT-FOLDER
# DEB_COMPRESSION=none makes it quickly, for a look.
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: $0 PATH-OF-WEIR OUT-FOLDER" >&2
    exit 2
fi
weir=$(realpath "$1") out=$(realpath "$2")
cd "$(dirname "$0")/../.."

version=$("$weir" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
# The C library that the program was linked with, by the newest of its symbols that it needs.
libc=$(objdump -T "$weir" | grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -uV | tail -1)

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
put() { install -D -m "$1" "$2" "$tree/$3"; }

put 755 "$weir" usr/bin/weir
strip --strip-unneeded "$tree/usr/bin/weir"
put 644 packaging/weir.toml etc/weir/weir.toml
put 644 packaging/systemd/weir.service usr/lib/systemd/system/weir.service
put 644 packaging/systemd/60-weir.conf usr/lib/sysctl.d/60-weir.conf
put 644 packaging/systemd/sysusers.conf usr/lib/sysusers.d/weir.conf
put 644 packaging/systemd/meter.conf usr/share/weir/meter.conf
for page in README.md CHANGELOG.md docs/*.md; do
    put 644 "$page" "usr/share/doc/weir/$page"
done
cat LICENSE-MIT LICENSE-APACHE > "$tree/usr/share/doc/weir/copyright"
for shell in bash:usr/share/bash-completion/completions/weir zsh:usr/share/zsh/vendor-completions/_weir fish:usr/share/fish/vendor_completions.d/weir.fish; do
    mkdir -p "$tree/$(dirname "${shell#*:}")"
    "$weir" completions "${shell%%:*}" > "$tree/${shell#*:}"
done

mkdir -p "$tree/DEBIAN"
size=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
cat > "$tree/DEBIAN/control" <<CONTROL
Package: weir
Version: $version
Architecture: $architecture
Maintainer: The Weir developers <weir@localhost>
Installed-Size: $size
Depends: libc6 (>= $libc)
Recommends: libpcap0.8t64 | libpcap0.8
Section: net
Priority: optional
Description: network telemetry from packet or datagram to answer
 Meters packets into flows with performance and applications, collects NetFlow,
 IPFIX and sFlow from any device, keeps every record in open columnar files, and
 answers questions in a filter language, in SQL and over HTTP.
CONTROL
echo /etc/weir/weir.toml > "$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "packaging/debian/$script" "$tree/DEBIAN/$script"
done

chmod -R u=rwX,go=rX "$tree"
mkdir -p "$out"
dpkg-deb --root-owner-group ${DEB_COMPRESSION:+-Z"$DEB_COMPRESSION"} --build "$tree" "$out/weir_${version}_${architecture}.deb"
