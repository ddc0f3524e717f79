#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, for FUZZTIME each:
# what decodes the bodies of strangers. The others get OTHERS, the same by default.
# STAGE names a built scripts/stage; without it one is built.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${FUZZTIME:-60s}
others=${OTHERS:-$fuzztime}
stage=${STAGE:-}
if [ -z "$stage" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	stage=$work/stage
	go build -o "$stage" ./scripts/stage
fi

found=0
for package in $(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n 1 dirname | sort -u); do
	listed=$(go test -list '^Fuzz' "$package") # apart, so that a package that does not build fails
	case $package in
	./pipeline) time=$fuzztime ;;
	*) time=$others ;;
	esac
	for target in $(grep '^Fuzz' <<<"$listed"); do
		found=$((found + 1))
		"$stage" "$target" -run='^$' -fuzz="^$target\$" -fuzztime="$time" -fuzzminimizetime=10x -timeout=0 "$package"
	done
done
if [ "$found" -eq 0 ]; then
	echo "fuzz: no target found" >&2
	exit 1
fi
echo "fuzz: $found targets, $fuzztime each for the decoder, $others for the others"
