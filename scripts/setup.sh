#!/usr/bin/env bash
# Gets what building Weir needs: a C compiler, make, curl and Rust. Says what it installs; says nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

fail() {
    echo "setup: $*" >&2
    exit 1
}

# As root, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "needs root to run: $*"
    fi
}

# Program, and the Debian package that has it.
packages=()
want() {
    command -v "$1" >/dev/null || packages+=("$2")
}
# Compilers of the C parts (zstd) and of libFuzzer; make for the commands of the README.
want cc build-essential
want c++ build-essential
want make make
if ! command -v cargo >/dev/null; then
    want curl curl
    [ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
fi
if [ ${#packages[@]} -gt 0 ]; then
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
    command -v apt-get >/dev/null || fail "please install: ${packages[*]}"
    echo "setup: installing ${packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# Rust, in the version that the manifest asks for or a later one.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
rust_is_new_enough() {
    local found
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [ -n "$found" ] || return 1
    [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ]
}
if ! rust_is_new_enough; then
    if ! command -v rustup >/dev/null; then
        echo "setup: installing Rust by rustup (https://rustup.rs)"
        installer=$(mktemp)
        if curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs -o "$installer"; then
            sh "$installer" -y --quiet --profile minimal --default-toolchain stable --no-modify-path
        elif apt-cache policy rustup 2>/dev/null | grep -q 'Candidate: [0-9]'; then
            echo "setup: rustup.rs is out of reach, taking Debian's rustup"
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rustup >/dev/null
            rustup toolchain install stable --profile minimal --no-self-update
            rustup default stable
        else
            fail "rustup.rs is out of reach; install Rust $wanted or later, then try again"
        fi
        rm -f "$installer"
    else
        echo "setup: updating Rust to $wanted or later"
        rustup toolchain install stable --profile minimal --no-self-update
        rustup default stable
    fi
    rust_is_new_enough || fail "Rust $wanted or later is needed, found: $(cargo --version 2>&1 || true)"
fi
for component in rustfmt clippy; do
    if ! cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1; then
        command -v rustup >/dev/null || fail "please install $component"
        echo "setup: installing $component"
        rustup component add "$component"
    fi
done
