#!/usr/bin/env bash
# Prints the folder of a node and npm that can build the console, and gets them where they are missing: npm's own package of node, for Debian's is too old.
set -euo pipefail
wanted=20.19.0

tell() { echo "node: $*" >&2; }
is_new_enough() {
    local found
    found=$("$1/node" --version 2>/dev/null) && [ -x "$1/npm" ] && [ "$(printf '%s\n%s\n' "$wanted" "${found#v}" | sort -V | head -n 1)" = "$wanted" ]
}

here=$(command -v node 2>/dev/null) && here=$(dirname "$here") && is_new_enough "$here" && echo "$here" && exit
kept="${XDG_CACHE_HOME:-$HOME/.cache}/weir/node/node_modules/.bin"
is_new_enough "$kept" && echo "$kept" && exit

if ! command -v npm >/dev/null; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if ! command -v apt-get >/dev/null || { [ ${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; }; then
        tell "please install Node.js $wanted or later with npm"
        exit 1
    fi
    tell "installing nodejs and npm"
    { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; } >/dev/null
    here=$(dirname "$(command -v node)")
    is_new_enough "$here" && echo "$here" && exit
fi
tell "getting Node.js 22 from npm into ${kept%/node_modules/.bin}"
mkdir -p "${kept%/node_modules/.bin}"
npm install --prefix "${kept%/node_modules/.bin}" --no-audit --no-fund --silent node@22 npm@10 >&2
is_new_enough "$kept" || { tell "npm did not bring Node.js $wanted or later"; exit 1; }
echo "$kept"
