# Every target sets up what it needs, under target/; the work is done by the scripts in dev/.
PG ?= 15
PG_CONFIG ?= pg_config
ROUNDS ?= 200
ARGS ?=

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

demo: ## a private server with real data and a tour of the functions
	@dev/demo start

demo-stop: ## stop the demo's server and remove its data
	@dev/demo stop

demo-sdk: ## a private server, a gateway, and Pinecone's published SDK for Python with them
	@dev/demo-sdk start

demo-sdk-stop: ## stop that server and that gateway, and remove their data
	@dev/demo-sdk stop

install: ## release build into the server of PG_CONFIG=… (PostgreSQL 15 to 18)
	@dev/install "$(PG_CONFIG)" release

install-vector-alias: ## extension `vector` beside it, for clients of pgvector (FORCE=1 in pgvector's place)
	@FORCE="$(FORCE)" dev/install-vector-alias "$(PG_CONFIG)"

install-gateway: ## the gateway for Pinecone's SDKs, into /usr/local (DESTDIR=…)
	@DESTDIR="$(DESTDIR)" dev/install-gateway

deb: ## Debian packages for the server of PG=15..18, into target/deb (or PG_CONFIG=…)
	@dev/deb "$(if $(filter-out file default,$(origin PG_CONFIG)),$(PG_CONFIG),$(PG))" release

freeze: ## keeps the install scripts of a version that is about to be released (docs/releasing.md)
	@dev/freeze

test: ## all that CI runs, in some 40 minutes: format, lint, unit tests, in servers 15 and 18, from outside
	@dev/test lint unit regress-15 regress-18 outside beside sanitize fuzz arm

check: ## what most mistakes need, in some minutes: format, lint, unit tests, SQL on 15, the quick outside tests
	@dev/check

test-all: ## in-server tests on PostgreSQL 15, 16, 17 and 18
	@dev/test regress-15 regress-16 regress-17 regress-18

lint: ## format, lints, circles and licences alone
	@dev/lint

audit: ## licences of what is linked in, and advisories where RustSec's database can be reached
	@dev/audit

unit: ## unit tests alone                                (ARGS=…)
	@dev/unit $(ARGS)

regress: ## tests inside the server of PG=15..18, in SQL     (ARGS=names or folders: hnsw/key types)
	@dev/regress $(PG) $(ARGS)

sanitize: ## unit tests under AddressSanitizer             (ARGS=part of a name)
	@dev/sanitize $(ARGS)

fuzz: ## parsers and page readers under libFuzzer        (ARGS=inputs and targets, or 60s)
	@dev/fuzz $(ARGS)

arm: ## unit tests of kernels and formats on 64-bit ARM  (ARGS=parts of names)
	@dev/arm $(ARGS)

miri: ## unit tests of unsafe code under Miri, some 10 minutes (ARGS=parts of names)
	@dev/miri $(ARGS)

valgrind: ## some tests in SQL on a server under Valgrind     (ARGS=names)
	@dev/valgrind $(ARGS)

outside: ## tests that drive servers from outside            (ARGS=files, and for pytest)
	@dev/outside $(ARGS)

soak: ## the long variants of these, in some two hours    (ROUNDS=200, ARGS=for pytest)
	@dev/soak "$(ROUNDS)" $(ARGS)

bench: ## Conifer against pgvector, in some 20 minutes     (DATA=a directory of more sets, ARGS=--help)
	@dev/bench $(if $(DATA),--data="$(DATA)") $(ARGS)
	@dev/bench-filters $(if $(wildcard $(DATA)/gt_filters.json),--data="$(DATA)")
	@dev/bench-layer
	@dev/bench-sparse $(if $(wildcard $(DATA)/query_texts.jsonl),--data="$(DATA)")

bench-filters: ## filtered queries alone                             (ARGS=--help)
	@dev/bench-filters $(ARGS)

bench-layer: ## what the functions cost over SQL                 (ARGS=--help)
	@dev/bench-layer $(ARGS)

bench-gateway: ## what the gateway costs over the same in SQL    (ARGS=--help)
	@dev/bench-gateway $(ARGS)

bench-sparse: ## sparse vectors by the inverted index           (ARGS=--help)
	@dev/bench-sparse $(ARGS)

bench-access: ## what policies cost a query                       (ARGS=rounds)
	@dev/bench-access $(ARGS)

bench-kernels: ## benchmarks of kernels, codes, graph and pages  (ARGS=for Criterion)
	@dev/bench-kernels $(ARGS)

clean-servers: ## stop all throw-away servers, remove them and the private PostgreSQL trees
	@dev/clean-servers

.PHONY: help demo demo-stop demo-sdk demo-sdk-stop install install-vector-alias install-gateway deb freeze test check test-all lint audit unit sanitize fuzz arm miri valgrind regress outside soak bench bench-filters bench-layer bench-sparse bench-gateway bench-access bench-kernels clean-servers
