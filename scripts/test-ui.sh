#!/usr/bin/env bash
# The console's tests: what it works out, and its pages in Chromium against a service that runs. Needs Node.js 20, npm and Chromium; screenshots go to ui/tests/shots.
set -euo pipefail
cd "$(dirname "$0")/.."
# With the console that make ui has just built.
[ -n "${WEIR_BIN:-}" ] || cargo build --locked --package weir
cd ui && npm test
