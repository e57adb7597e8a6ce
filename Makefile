# Everything that is done with Varve from a checkout. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Jobs of the Swift compiler: it wants about 1 GiB of memory each.
JOBS ?= 2
DATA_DIR ?= var
LISTEN ?= 127.0.0.1:4770
HTTP ?= 127.0.0.1:4771
# The file system whose power is cut.
FS ?= ext4
VENV := .venv
RELEASE := .build/release

# Where `make install` puts things. DESTDIR is a root for packagers; BINARIES what is installed.
DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
BINARIES ?= $(RELEASE)

TORTURE := $(RELEASE)/varvetorture
# Histories of `make torture` and of `make metamorphic`.
FAULTS ?= 8
METAMORPHIC ?= 40
# A trap is answered with the seed, not with minutes of backtrace; sets iterate alike in every run.
TORTURE_ENV := SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1

.PHONY: help deps build install run test demo lint format proto test-grpc bench-grpc test-sglang bench-sglang kill bench asan tsan \
	fuzz-smoke kill-long powercut flip restart coverage clean
.PHONY: bench-abuse bench-overload counts test-systemd test-sglang-versions
.PHONY: bench-peers bench-peers-deps bench-deps bench-rocks build-bench bench-engine bench-index bench-tuner bench-tables
.PHONY: build-torture torture-canary crash crash-canary crash-nightly torture metamorphic

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

test-sglang-versions: build ## the same by the controllers of SGLang 0.5.9 and 0.5.15
	@python/tools/test_sglang_versions.sh

bench-sglang: build ## measure the backend beside SGLang's own file backend (BENCH=options)
	@python/tools/make_venv.sh sglang
	.venv-sglang/bin/python -W ignore python/bench_sglang/bench.py $(BENCH)

test-grpc: build ## drive the daemon with a stock grpcio client generated from Protos
	@python/tools/test_grpc.sh

bench-grpc: build ## measure gRPC beside grpcio's own server: h2load and grpcio, one run
	@python/tools/make_venv.sh base
	$(VENV)/bin/python python/bench_grpc/bench.py

bench-abuse: build ## measure a good client beside each kind of bad one: frames, then gRPC
	@python/tools/make_venv.sh base
	PYTHONPATH=python $(VENV)/bin/python python/bench_framed/abuse.py
	$(VENV)/bin/python python/bench_grpc/abuse.py

bench-overload: build ## memory and speed under ten times the load, and what namespaces get beside crowds
	@python/tools/make_venv.sh base
	cd python/bench_framed && PYTHONPATH=.. ../../$(VENV)/bin/python overload.py
	cd python/bench_framed && PYTHONPATH=.. ../../$(VENV)/bin/python fairness.py

test-systemd: build ## run the installed units under a real systemd, in a container (root)
	Tests/systemd/boot

kill: build ## kill varved under load 25 times and check every acknowledged page
	$(VENV)/bin/python Tests/kill/kill_loop.py --rounds 25

counts: build ## allocations, copies and system calls a page, on every path, held to bounds
	$(VENV)/bin/python Tests/counts/count_paths.py

kill-long: build ## the same until a million pages were acknowledged, or 1,000 rounds
	$(VENV)/bin/python Tests/kill/kill_loop.py --rounds 1000 --acks 1000000

powercut: build ## cut the power of a loop-mounted file system 50 times (root; FS=ext4 or xfs)
	$(VENV)/bin/python Tests/kill/power_cut.py --cuts 50 --fs $(FS)

flip: deps ## flip every bit of a small store's metadata, and a million in payloads
	swift build -c release -j $(JOBS) --product varvefaults
	$(RELEASE)/varvefaults flip

restart: deps ## time the start of 100 GB of sealed segments and count what it reads
	swift build -c release -j $(JOBS) --product varvefaults
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(RELEASE)/varvefaults restart "$$folder/store"

coverage: deps ## line coverage of the engine and of its recovery by the engine's tests
	@JOBS=$(JOBS) .ci/coverage

build-torture: deps
	swift build -c release -j $(JOBS) --product varvetorture

crash: build-torture ## crash before every write, sync, rename, unlink; recover 20,000 times
	$(TORTURE_ENV) $(TORTURE) crash --recoveries 20000

crash-canary: build-torture ## leave syncs and unlinks out one by one; the crash run must see each
	$(TORTURE_ENV) $(TORTURE) crash --canary

crash-nightly: build-torture ## the same, a million recoveries of other histories
	$(TORTURE_ENV) $(TORTURE) crash --recoveries 1000000 --seed $$(date +%s)

torture: build-torture ## one fault at every call of seeded histories
	$(TORTURE_ENV) $(TORTURE) fault --histories $(FAULTS)

torture-canary: build-torture ## leave out what the fault run must miss: each must be seen
	$(TORTURE_ENV) $(TORTURE) fault --histories 20 --canary

metamorphic: build-torture ## the same history over every option set must give equal answers
	$(TORTURE_ENV) $(TORTURE) metamorphic --histories $(METAMORPHIC)
	$(TORTURE_ENV) $(TORTURE) metamorphic --histories 1 --canary

demo: build ## replay a real trace through the SGLang backend, with a kill in the middle
	PYTHONPATH=python $(VENV)/bin/python -m sglang_varve.demo

bench: build bench-deps ## measure GET, PUT and lookup beside raw programs doing the same (docs/benchmarks.md)
	swift build -c release -j $(JOBS) --product varvebench
	$(RELEASE)/varvebench net --dir .build --commit "$$(git describe --always --dirty)" \
	  $(if $(BENCH),$(BENCH),--results docs/results/net.jsonl)
	$(if $(BENCH),,@$(MAKE) --no-print-directory bench-tables)

bench-peers-deps: ## install Redis, Valkey, memcached, LMCache and Mooncake to compare with
	@.ci/bench-peers-deps

bench-peers: build bench-peers-deps bench-rocks ## put and get beside them, files and RocksDB
	swift build -c release -j $(JOBS) --product varvebench
	PYTHONPATH=python timeout -k 10 480 Bench/peers/in-namespace $(RELEASE)/varvebench peers \
	  --dir .build --rocks .build/rocksbench --commit "$$(git describe --always --dirty)" \
	  $(if $(BENCH),$(BENCH),--results docs/results/peers.jsonl)
	$(if $(BENCH),,@$(MAKE) --no-print-directory bench-tables)

bench-deps: ## install what the comparisons need besides: fio and librocksdb-dev
	@.ci/bench-deps

bench-rocks: bench-deps
	@mkdir -p .build
	$(CXX) -std=c++17 -O2 -Wall -Wextra -o .build/rocksbench Bench/rocks/rocksbench.cpp -lrocksdb -lxxhash -pthread

build-bench: deps
	swift build -c release -j $(JOBS) --product varvebench

bench-engine: build-bench bench-rocks ## get and put in process beside raw programs, fio and RocksDB
	$(RELEASE)/varvebench engine --dir .build --rocks .build/rocksbench --json \
	  --commit "$$(git describe --always --dirty)" $(BENCH) > docs/results/engine.jsonl
	$(MAKE) --no-print-directory bench-tables

bench-index: build-bench ## look-ups at ten million pages: block reads, memory, writes
	$(RELEASE)/varvebench index --dir .build --json \
	  --commit "$$(git describe --always --dirty)" $(BENCH) > docs/results/index.jsonl
	$(MAKE) --no-print-directory bench-tables

TUNER_BENCH = $(RELEASE)/varvebench tuner --window-pages 1000 --json
TUNER_RUN = $(TUNER_BENCH) --windows 120 $(1) > docs/results/tuner/$(2).jsonl && \
  $(TUNER_BENCH) --windows 480 $(1) > docs/results/tuner/$(2)-480.jsonl
bench-tuner: build-bench ## the tuner beside twelve shapes that stand still, four indexes (counts; two hours)
	@mkdir -p docs/results/tuner
	$(call TUNER_RUN,--no-fingerprints --filter-bits 6,cold)
	$(call TUNER_RUN,--no-fingerprints --filter-bits 6 --cache-kib 65536,warm)
	$(call TUNER_RUN,,cold-fingerprints)
	$(call TUNER_RUN,--cache-kib 65536,warm-fingerprints)
	$(MAKE) --no-print-directory bench-tables

bench-tables: ## make the tables of docs/benchmarks.md and docs/tuner.md again from docs/results
	$(RELEASE)/varvebench table docs/results/*.jsonl --into docs/benchmarks.md
	$(RELEASE)/varvebench table docs/results/tuner/*.jsonl --into docs/tuner.md

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
	$(VENV)/bin/python -m ruff check --config python/pyproject.toml --fix Tests Bench

proto: deps ## make Sources/CVarveProto again from Protos
	Protos/generate.sh

clean: ## remove what was built; the data in ./var stays
	rm -rf .build
