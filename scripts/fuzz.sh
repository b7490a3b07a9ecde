#!/usr/bin/env bash
# Runs the fuzz targets for so many seconds each: scripts/fuzz.sh SECONDS [TARGET...]
#
# Works with the stable toolchain: the flags below are those of cargo-fuzz without a sanitizer. The corpus grows in fuzz/corpus; first inputs are made from
# the samples. What makes a target fail is kept in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -ge 1 ] || { echo "usage: scripts/fuzz.sh SECONDS [TARGET...]" >&2; exit 2; }
seconds=$1
shift
if [ $# -gt 0 ]; then
    targets=("$@")
else
    mapfile -t targets < <(sed -n '/^\[\[bin\]\]/,/^$/s/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml)
fi

host=$(rustc -vV | sed -n 's/^host: //p')
build="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1"
CARGO_TARGET_DIR=$build RUSTFLAGS=$flags cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host"
cargo xtask seeds "$build/seeds"

failed=()
for target in "${targets[@]}"; do
    corpus=fuzz/corpus/$target
    artifacts=fuzz/artifacts/$target
    # Long texts only take time; a filter of people is short.
    longest=16384
    if [ "$target" = filter ] || [ "$target" = elements ]; then longest=512; fi
    mkdir -p "$corpus" "$artifacts" "$build/seeds/$target"
    log=$(mktemp)
    if "$build/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len="$longest" -print_final_stats=1 \
        -artifact_prefix="$artifacts/" "$corpus" "$build/seeds/$target" >"$log" 2>&1; then
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$target: ${executions:-?} inputs, coverage $(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)"
    else
        tail -n 40 "$log"
        failed+=("$target")
    fi
    rm -f "$log"
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2
    exit 1
fi
