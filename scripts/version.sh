#!/usr/bin/env bash
# Prints the version of this tree, as both kinds of package accept and sort it:
# 1.2.3 at the tag v1.2.3, 1.2.3+4.gabcdef0 four commits behind it,
# 0.0.0~git20261124.abcdef0 where there is no tag, 0.0.0 without git.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! git rev-parse --git-dir >/dev/null 2>&1; then
	echo 0.0.0
elif described=$(git describe --tags --match 'v[0-9]*' --abbrev=7 2>/dev/null); then
	sed -E 's/^v//; s/-([0-9]+)-g([0-9a-f]+)$/+\1.g\2/; s/-/~/g' <<<"$described" # a v1.2.3-rc1 comes before v1.2.3
else
	echo "0.0.0~git$(git log -1 --format=%cd --date=format:%Y%m%d).$(git rev-parse --short=7 HEAD)"
fi
