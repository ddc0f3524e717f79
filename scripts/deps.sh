#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: a C compiler (for the race
# detector), make, PostgreSQL, Alertmanager, Prometheus with promtool, wrk (for the
# benchmarks), Chromium, rpm and systemd's tools (for the packages), buildah (for the
# image). Debian and its kin only; does nothing where all is there. Works as root, and
# with sudo otherwise.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }
have_postgres() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

packages=()
have gcc || packages+=(gcc libc6-dev)
have make || packages+=(make)
have_postgres || packages+=(postgresql)
have wrk || packages+=(wrk)
{ { have prometheus-alertmanager || have alertmanager; } && have amtool; } || packages+=(prometheus-alertmanager)
{ have prometheus && have promtool; } || packages+=(prometheus)
have chromium || packages+=(chromium)
have rpm || packages+=(rpm)
have buildah || packages+=(buildah)
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
{ have systemd-analyze && have systemd-socket-activate; } || packages+=(systemd)
[ "$(id -u)" -eq 0 ] || have fakeroot || packages+=(fakeroot)
[ "$(id -u)" -eq 0 ] || have fakechroot || packages+=(fakechroot)
[ ${#packages[@]} -gt 0 ] || exit 0

cannot() {
	echo "deps: cannot install ${packages[*]}: $1; install them by hand, the tests do not run without" >&2
	exit 1
}
have apt-get || cannot "there is no apt-get here"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	have sudo || cannot "neither root nor sudo"
	as_root=(sudo)
fi

# The packages come to be run by tests, not as services: nothing is started and
# no cluster is made while they are installed. Both files go away again.
guard=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/stormdrain-tests.conf
made=()
cleanup() { [ ${#made[@]} -eq 0 ] || "${as_root[@]}" rm -f "${made[@]}"; }
trap cleanup EXIT
if [ ! -e "$guard" ]; then
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" >/dev/null
	made+=("$guard")
	"${as_root[@]}" chmod 755 "$guard"
fi
"${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
made+=("$no_cluster")

echo "deps: installing ${packages[*]}"
log=$(mktemp)
if ! "${as_root[@]}" apt-get -qq update >"$log" 2>&1 ||
	! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y --no-install-recommends install "${packages[@]}" </dev/null >>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	cannot "apt-get failed, see above"
fi
rm -f "$log"
