#!/usr/bin/env bash
# Everything that has to hold before a change goes in, step by step. Ends at the first step that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
step() {
    local name=$1 start=$SECONDS
    shift
    echo "==> $name"
    if ! "$@"; then
        echo "==> $name: FAILED after $((SECONDS - start)) s" >&2
        exit 1
    fi
    echo "==> $name: ok, $((SECONDS - start)) s"
}

formatted() {
    cargo fmt --all --check && cargo fmt --manifest-path fuzz/Cargo.toml --check
}

# Unit, integration and documentation tests; says in the end how many there were. Those that run services mostly wait: more at a time than there
# are cores.
tests() {
    local -x RUST_TEST_THREADS="${RUST_TEST_THREADS:-6}"
    cargo test --workspace --locked --no-fail-fast | awk '
        { print; fflush() }
        /^test result:/ { passed += $4; failed += $6 }
        END { printf "tests: %d passed, %d failed\n", passed, failed }'
}

step "format" formatted
step "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
step "tests" tests
step "tidy: import table, derived files, sources" cargo xtask tidy
step "fuzz targets, 2 s each" scripts/fuzz.sh 2
if command -v cargo-deny >/dev/null; then
    # Known vulnerabilities come from the network: make deny looks for them too.
    step "licences, sources and duplicates of dependencies" cargo deny check bans licenses sources
else
    echo "==> licences, sources and duplicates of dependencies: skipped, cargo-deny is not installed (make deny installs it)"
fi
echo "all steps passed in $((SECONDS - began)) s"
