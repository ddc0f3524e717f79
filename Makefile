# Each target runs from a fresh clone; make help lists them.
SHELL := /bin/bash
export GOFLAGS += -buildvcs=false

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help run build test race fuzz lint rules bench knobs growth soak micro k6 profile pgo pgo-gain crash e2e browser deps install uninstall package clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build and start on port 9567, storing below ./data (flags in ARGS=)
	exec bin/stormdrain serve $(ARGS)

build: ## build bin/stormdrain, a static binary
	CGO_ENABLED=0 go build -buildvcs=auto -trimpath -o bin/stormdrain .

test: ## everything a change has to pass, with what it needs installed (FUZZTIME=20s ROUNDS=25 SOAK=2m)
	@FUZZTIME='$(FUZZTIME)' ROUNDS='$(ROUNDS)' SOAK='$(SOAK)' scripts/test.sh

race: deps ## the unit tests with the race detector
	go test -race $$(go list ./... | grep -vE '/internal/e2e$$|/page/browser$$')

fuzz: ## every fuzz target, one after the other (FUZZTIME=10m each)
	@FUZZTIME='$(or $(FUZZTIME),10m)' scripts/fuzz.sh

lint: ## gofmt, go vet and staticcheck
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

rules: deps ## alert rules and dashboard: promtool's checks and tests, and ours
	@go run ./scripts/stage rules -count=1 ./deploy/...

bench: deps ## side by side with the ceiling and the reference, some 25 minutes on a quiet machine (ARGS=-quick: a minute or two)
	go run ./benchmarks/cmd/bench -out benchmarks/results $(ARGS)

knobs: deps ## what each default was chosen by: one setting after the other, with several values in turn, half an hour (ONLY=regular expression, ARGS=-quick)
	go run ./benchmarks/cmd/knobs -only '$(ONLY)' -out benchmarks/results $(ARGS)

growth: deps ## what an alert costs as the stores grow to 50 and 10 million events, queries, a backlog of 8 GiB: over an hour (ARGS=-quick)
	go run ./benchmarks/cmd/growth -out benchmarks/results $(ARGS)

comma := ,
soak: deps ## a mixed load for half an hour: does anything grow? (T=30m RATE=200 STORE=postgres or sqlite, both by default)
	go run ./benchmarks/cmd/soak -duration $(or $(T),30m) -rate $(or $(RATE),200) -store '$(or $(STORE),postgres$(comma)sqlite)' -out benchmarks/results $(ARGS)

micro: ## the benchmarks of single parts (BENCH=regular expression, BENCHTIME=1s)
	go test -run '^$$' -bench '$(or $(BENCH),.)' -benchtime '$(or $(BENCHTIME),1s)' -benchmem ./...

k6: $(if $(TARGET),,deps) ## an open loop by k6, built once (SCENARIO=steady|spike|stress|soak|all RATE= DURATION= STORE=sqlite|postgres TARGET= QUICK=1)
	go run ./benchmarks/cmd/k6 -scenario '$(or $(SCENARIO),steady)' -rate '$(or $(RATE),0)' -duration '$(or $(DURATION),0s)' \
		-store '$(or $(STORE),sqlite)' -target '$(TARGET)' $(if $(QUICK),-quick)

profile: $(if $(URL),,deps) ## profiles of a storm, to ./profiles (MODE=cpu|heap|allocs|goroutine|mutex|block|trace|all T=30s STORE=sqlite|postgres RATE= URL=)
	go run ./benchmarks/cmd/profile -mode '$(or $(MODE),cpu)' -time '$(or $(T),30s)' -store '$(or $(STORE),sqlite)' -rate '$(or $(RATE),0)' -url '$(URL)'

pgo: deps ## record default.pgo, by which go build optimizes: the CPU of a storm, each store as long (T=30s)
	go run ./benchmarks/cmd/profile -pgo default.pgo -time '$(or $(T),30s)'

pgo-gain: ## what default.pgo is worth: benchmarks without and with it, by benchstat (PKG= BENCH= COUNT=10 BENCHTIME=0.5s)
	@PGO='$(PGO)' PKG='$(PKG)' BENCH='$(BENCH)' COUNT='$(COUNT)' BENCHTIME='$(BENCHTIME)' scripts/pgo-gain.sh

crash: deps ## kill -9 of the program and of PostgreSQL under load (ROUNDS=200, SEED=, RACE=1)
	@ROUNDS='$(or $(ROUNDS),200)' go run ./scripts/stage -log crash -count=1 -timeout=4h -run '^TestCrash' ./internal/e2e

e2e: deps ## the built program from outside: real bodies, bad bodies, a real Alertmanager, the newest amtool (RACE=1)
	@AMTOOL=v0.34.2 go run ./scripts/stage -log e2e -count=1 -timeout=30m -skip '^TestCrash' ./internal/e2e

browser: deps ## the web page in Chromium without a window (RUN=regular expression)
	@go run ./scripts/stage browser -count=1 -timeout=5m -run '$(RUN)' ./server/page/browser

deps: ## install what the tests need and the machine lacks (PostgreSQL, Alertmanager, Prometheus, Chromium, a C compiler, rpm, buildah)
	@scripts/deps.sh

install: ## copy bin/stormdrain (make build), unit, man page and so on below PREFIX=/usr/local (DESTDIR=, SYSCONFDIR=/etc)
	@PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' DESTDIR='$(DESTDIR)' scripts/install.sh install

uninstall: ## take away what install has copied; configuration and alerts stay
	@PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' DESTDIR='$(DESTDIR)' scripts/install.sh uninstall

package: ## dist/*.deb and dist/*.rpm (ARCH=amd64 or arm64, VERSION=)
	@ARCH='$(ARCH)' VERSION='$(VERSION)' scripts/package.sh

clean: ## remove what was built
	rm -rf bin dist profiles stormdrain
	go clean
