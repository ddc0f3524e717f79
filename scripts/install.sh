#!/usr/bin/env bash
# install.sh [install|uninstall]: puts what was built below $DESTDIR, or takes it
# away again. BINARY is the program, PREFIX where it belongs (/usr/local),
# SYSCONFDIR where its configuration does (/etc). A configuration that is there
# already is left alone, in both directions, and so are the alerts.
set -euo pipefail
cd "$(dirname "$0")/.."

action=${1:-install}
prefix=${PREFIX:-/usr/local}
etc=${SYSCONFDIR:-/etc}
destdir=${DESTDIR:-}
share=$prefix/share

# each calls put MODE SOURCE TARGET for every file.
each() {
	local put=$1 dir file
	"$put" 755 "${BINARY:-bin/stormdrain}" "$prefix/bin/stormdrain"
	"$put" 644 deploy/systemd/stormdrain.service "$prefix/lib/systemd/system/stormdrain.service"
	"$put" 644 deploy/systemd/stormdrain.socket "$prefix/lib/systemd/system/stormdrain.socket"
	"$put" 644 deploy/systemd/stormdrain.sysusers "$prefix/lib/sysusers.d/stormdrain.conf"
	"$put" 644 deploy/sysctl.d/stormdrain.conf "$prefix/lib/sysctl.d/60-stormdrain.conf"
	"$put" 644 deploy/package/stormdrain.1 "$share/man/man1/stormdrain.1"
	"$put" 644 deploy/stormdrain.yml "$share/doc/stormdrain/stormdrain.yml"
	"$put" 644 deploy/limits.d/stormdrain.conf "$share/doc/stormdrain/limits.conf"
	"$put" 644 README.md "$share/doc/stormdrain/README.md"
	"$put" 644 docs/operations.md "$share/doc/stormdrain/operations.md"
	"$put" 644 docs/security.md "$share/doc/stormdrain/security.md"
	"$put" 644 LICENSE "$share/doc/stormdrain/copyright"
	for dir in grafana prometheus; do # whichever there are
		[ -d "deploy/$dir" ] || continue
		while IFS= read -r file; do
			"$put" 644 "$file" "$share/stormdrain/${file#deploy/}"
		done < <(find "deploy/$dir" -type f ! -name '*_test.go' ! -path '*/tests/*' | sort)
	done
}

put() {
	install -D -m "$1" "$2" "$destdir$3"
	case $3 in
	*.service) # the one file that names the program
		sed -i "s|/usr/bin/stormdrain|$prefix/bin/stormdrain|; s|%E/|$etc/|; s|/usr/share/doc|$share/doc|" "$destdir$3"
		;;
	esac
}

take() { rm -f "$destdir$3"; }

case $action in
install)
	each put
	if [ ! -e "$destdir$etc/stormdrain/stormdrain.yml" ]; then
		install -D -m 644 deploy/package/stormdrain.yml "$destdir$etc/stormdrain/stormdrain.yml"
	fi
	if [ -z "$destdir" ]; then
		echo "installed; systemd-sysusers makes the user, systemctl daemon-reload reads the unit, systemctl enable --now stormdrain starts it"
	fi
	;;
uninstall)
	each take
	for dir in "$destdir$share/doc/stormdrain" "$destdir$share/stormdrain"; do # nobody else's
		[ ! -d "$dir" ] || find "$dir" -depth -type d -empty -delete
	done
	if cmp -s deploy/package/stormdrain.yml "$destdir$etc/stormdrain/stormdrain.yml"; then
		rm "$destdir$etc/stormdrain/stormdrain.yml"
		rmdir --ignore-fail-on-non-empty "$destdir$etc/stormdrain"
	fi
	;;
*)
	echo "usage: install.sh [install|uninstall]" >&2
	exit 2
	;;
esac
