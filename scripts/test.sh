#!/usr/bin/env bash
# All that a change has to pass, in stages, each with its time. Stops at the
# first stage that fails. FUZZTIME is the time of each fuzz target of the
# decoder, OTHERS that of the other targets, ROUNDS the number of kills in each
# crash test, SOAK how long a load must leave goroutines, descriptors and memory
# as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

# default.pgo would have every package compiled twice. The soak builds the program
# as it is shipped.
shipped=${GOFLAGS:-}
export GOFLAGS="$shipped -pgo=off"

fuzztime=${FUZZTIME:-20s}
rounds=${ROUNDS:-25}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

stage() {
	local name=$1 begin=$SECONDS
	shift
	echo "== $name"
	if ! "$@"; then
		echo "== $name failed after $((SECONDS - begin)) s" >&2
		exit 1
	fi
	echo "== $name: $((SECONDS - begin)) s"
}

checked() { "$work/stage" "$@"; }

style() {
	local unformatted
	unformatted=$(gofmt -l .)
	if [ -n "$unformatted" ]; then
		echo "gofmt would change: $unformatted" >&2
		return 1
	fi
	go vet ./...
}

# unit_packages are all but the tests of the whole program, of what is in deploy, and
# of the page in a browser.
unit_packages() { go list ./... | grep -vE '/internal/e2e$|^stormdrain/deploy(/|$)|/page/browser$'; }

# plain_packages have tests that the race detector would disturb.
plain_packages() {
	grep -rl --include='*_test.go' '^//go:build !race' . | xargs -r -n 1 dirname | sort -u
}

unit() { checked unit -race -timeout=10m $(unit_packages); }

plain() {
	local packages
	packages=$(plain_packages)
	[ -n "$packages" ] || return 0
	checked plain -timeout=10m $packages
}

# k6_scenarios are in a module of their own, for the sake of its dependencies. go
# test does not see that a script outside of it has changed, hence -count.
k6_scenarios() { (cd benchmarks/k6/check && go vet . && checked k6 -count=1 -timeout=2m .); }

# deploy_files is likewise a module of its own.
deploy_files() { (cd deploy/check && go vet . && checked deploy -count=1 -timeout=6m .); }

stage deps scripts/deps.sh
stage style style
go build -o "$work/stage" ./scripts/stage
stage imports checked imports ./internal/house
stage rules checked rules ./deploy/...
stage unit unit
stage plain plain
stage browser checked browser -timeout=6m ./server/page/browser
stage k6 k6_scenarios
stage deploy deploy_files
stage e2e checked -log e2e -timeout=10m -skip '^TestCrash' ./internal/e2e
stage crash env ROUNDS="$rounds" "$work/stage" -log crash -timeout=20m -run '^TestCrash' ./internal/e2e
stage soak env GOFLAGS="$shipped" go run ./benchmarks/cmd/soak -duration "${SOAK:-2m}"
stage fuzz env FUZZTIME="$fuzztime" OTHERS="${OTHERS:-6s}" STAGE="$work/stage" scripts/fuzz.sh
echo "== all: $SECONDS s"
