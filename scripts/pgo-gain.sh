#!/usr/bin/env bash
# What a profile for the compiler is worth: the benchmarks of single parts, built
# without and with it, run in turn so that a machine that slows down slows both,
# and compared by benchstat.
#
# PGO=default.pgo   the profile
# PKG='./a ./b'     packages; all that have benchmarks but do not need PostgreSQL
# BENCH=.           which benchmarks
# COUNT=10          rounds; benchstat wants six at least to tell a gain from noise
# BENCHTIME=0.5s    of each benchmark in a round
set -euo pipefail
cd "$(dirname "$0")/.."

pgo=$(realpath -- "${PGO:-default.pgo}")
count=${COUNT:-10}
if [ ! -f "$pgo" ]; then
	echo "pgo-gain: there is no $pgo; make pgo records one" >&2
	exit 1
fi

benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

GOBIN=$work go install "$benchstat" # first, as it would be a pity to fail at the end

# with_benchmarks are the packages that have some. Those that start PostgreSQL
# measure PostgreSQL.
with_benchmarks() {
	grep -rl --include='*_test.go' '^func Benchmark' . | xargs -r -n 1 dirname | sort -u | grep -v '/storage/postgres$'
}
read -r -a packages <<<"${PKG:-$(with_benchmarks | tr '\n' ' ')}"

echo "pgo-gain: building the benchmarks of ${packages[*]} twice"
for package in "${packages[@]}"; do
	name=${package#./}
	name=${name//\//_}
	CGO_ENABLED=0 go test -c -pgo=off -o "$work/$name.without" "$package"
	CGO_ENABLED=0 go test -c -pgo="$pgo" -o "$work/$name.with" "$package"
done
for ((round = 1; round <= count; round++)); do
	echo "pgo-gain: round $round of $count"
	for package in "${packages[@]}"; do
		name=${package#./}
		name=${name//\//_}
		for how in without with; do
			(cd "$package" && "$work/$name.$how" -test.run='^$' -test.bench="${BENCH:-.}" \
				-test.benchtime="${BENCHTIME:-0.5s}" -test.benchmem -test.timeout=30m) >>"$work/$how"
		done
	done
done
cd "$work"
./benchstat without with
