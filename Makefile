# The two commands of the README are `make demo` and `make test`; each gets what it needs first.
SHELL := /bin/bash
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
SECONDS_EACH ?= 60
TARGETS ?=

.PHONY: help demo test fuzz bench deny generate setup ui test-ui

help: ## This list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: setup ## Builds Weir with its console and shows both on sample traffic; on a terminal the console stays until Ctrl-C.
	@$(MAKE) --no-print-directory ui || echo "demo: without the console" >&2
	@cargo build --release --locked --package weir
	@scripts/demo.sh $(TARGET_DIR)/release/weir

test: setup ## Everything that has to hold: format, lints, tests, import table, derived files, fuzz targets.
	@scripts/test.sh

ui: ## The web console, which the next build of Weir takes in (gets Node.js by npm where it is missing or too old).
	@node=$$(scripts/node.sh) && cd ui && export PATH="$$node:$$PATH" && npm ci --no-audit --no-fund && npm run build

test-ui: setup ui ## The console in a browser, against a running service.
	@scripts/test-ui.sh

fuzz: setup ## Fuzz targets: SECONDS_EACH=60 TARGETS="ipfix sflow".
	@scripts/fuzz.sh $(SECONDS_EACH) $(TARGETS)

bench: setup ## Benchmarks of every stage, against peers in the same run.
	@cargo bench --workspace --locked

deny: setup ## Licences, sources, duplicates and known faults of dependencies (installs cargo-deny).
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	@cargo deny check

generate: setup ## Writes the files that are derived from others.
	@cargo xtask generate

setup:
	@scripts/setup.sh
