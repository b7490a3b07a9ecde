#!/usr/bin/env bash
# The console's tests: what it works out, and its pages in Chromium against a service that runs. Gets Node.js and Chromium where they are missing; screenshots go to ui/tests/shots.
set -euo pipefail
cd "$(dirname "$0")/.."
# With the console that make ui has just built.
[ -n "${WEIR_BIN:-}" ] || cargo build --locked --package weir
command -v chromium >/dev/null || [ -n "${CHROMIUM:-}" ] || scripts/setup-tests.sh
PATH="$(scripts/node.sh):$PATH"
cd ui && npm test
