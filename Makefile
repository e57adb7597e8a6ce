# Everything that is done with Varve from a checkout. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Jobs of the Swift compiler: it wants about 1 GiB of memory each.
JOBS ?= 2
DATA_DIR ?= var
LISTEN ?= 127.0.0.1:4770
HTTP ?= 127.0.0.1:4771
VENV := .venv
RELEASE := .build/release

# Where `make install` puts things. DESTDIR is a root for packagers; BINARIES what is installed.
DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
BINARIES ?= $(RELEASE)

.PHONY: help deps build install run test demo lint format proto test-grpc bench-grpc test-sglang kill \
	bench asan tsan fuzz-smoke clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install missing Debian packages; make the Python environment in .venv
	@.ci/deps

build: deps ## build varved and varvectl, release
	swift build -c release -j $(JOBS) --product varved
	swift build -c release -j $(JOBS) --product varvectl

install: ## install what was built: DESTDIR= PREFIX= SYSCONFDIR= UNITDIR= BINARIES=
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' \
	  BINARIES='$(BINARIES)' .ci/install

run: build ## serve on 127.0.0.1:4770 (HTTP 4771) with the data in ./var
	@mkdir -p -m 700 $(DATA_DIR)
	$(RELEASE)/varved --data-dir $(DATA_DIR) --listen $(LISTEN) --http $(HTTP)

test: deps ## run every test: Swift, Python, the kill loop, SGLang's own classes
	@JOBS=$(JOBS) .ci/test

test-sglang: build ## drive the backend with SGLang's own classes, where its wheel can be had
	@python/tools/test_sglang.sh

test-grpc: build ## drive the daemon with a stock grpcio client generated from Protos
	@python/tools/test_grpc.sh

bench-grpc: build ## measure gRPC beside grpcio's own server: h2load and grpcio, one run
	@python/tools/make_venv.sh base
	$(VENV)/bin/python python/bench_grpc/bench.py

kill: build ## kill varved under load 25 times and check every acknowledged page
	$(VENV)/bin/python Tests/kill/kill_loop.py --rounds 25

demo: build ## replay a real trace through the SGLang backend, with a kill in the middle
	PYTHONPATH=python $(VENV)/bin/python -m sglang_varve.demo

bench: build ## measure GET, PUT and lookup beside raw programs doing the same (docs/benchmarks.md)
	swift build -c release -j $(JOBS) --product varvebench
	$(RELEASE)/varvebench net --dir .build $(BENCH)

asan: deps ## run the Swift tests under the address sanitizer (SUITES=regex selects, not in make test)
	@JOBS=$(JOBS) .ci/sanitize address

tsan: deps ## run the Swift tests under the thread sanitizer (SUITES=regex selects, not in make test)
	@JOBS=$(JOBS) .ci/sanitize thread

fuzz-smoke: deps ## fuzz every decoder for some seconds each; the canary must fail
	@JOBS=$(JOBS) Fuzz/smoke

lint: deps ## check form: swift-format, ruff, the rules of Tests/lint
	@.ci/lint

format: deps ## bring the sources into form
	swift format -i -p -r Package.swift $$(.ci/swift-sources)
	cd python && ../$(VENV)/bin/python -m ruff check --fix .
	$(VENV)/bin/python -m ruff check --config python/pyproject.toml --fix Tests

proto: deps ## make Sources/CVarveProto again from Protos
	Protos/generate.sh

clean: ## remove what was built; the data in ./var stays
	rm -rf .build
