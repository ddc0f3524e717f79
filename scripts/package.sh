#!/usr/bin/env bash
# Builds dist/*.deb and dist/*.rpm. ARCH is amd64 or arm64 (the machine's own),
# VERSION is worked out by version.sh, BINARY a program that is built already,
# DIST another place than dist.
set -euo pipefail
cd "$(dirname "$0")/.."

# The newest release whose dependencies the module proxy serves.
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0

export ARCH=${ARCH:-$(go env GOARCH)} VERSION=${VERSION:-$(scripts/version.sh)}
dist=${DIST:-dist}
export ROOT=$dist/root
# The same tree gives the same package.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

rm -rf "$ROOT"
mkdir -p "$ROOT"
if [ -z "${BINARY:-}" ]; then
	export BINARY=$dist/stormdrain-$ARCH
	commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
	CGO_ENABLED=0 GOOS=linux GOARCH=$ARCH go build -trimpath -o "$BINARY" \
		-ldflags "-s -w -X stormdrain/internal/config.version=$VERSION -X stormdrain/internal/config.commit=$commit" .
fi
DESTDIR=$ROOT PREFIX=/usr scripts/install.sh
gzip -9n "$ROOT/usr/share/man/man1/stormdrain.1"
mv "$ROOT/usr/lib/sysctl.d" "$ROOT/sysctl.d"
for packager in deb rpm; do
	go run "$nfpm" package --config deploy/package/nfpm.yaml --packager "$packager" --target "$dist/"
done
rm -rf "$ROOT"
