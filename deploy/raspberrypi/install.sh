#!/bin/sh
# install.sh installs the gateway from the unpacked tar.gz that it lies in, where no
# Debian package can be used. Run it again to upgrade; --uninstall takes back all that
# it did, and keeps configuration and data unless --purge is given, too.
#
#   sudo ./install.sh [--root DIR]
#   sudo ./install.sh --uninstall [--purge] [--root DIR]
#
# --root installs into a folder, an image of a system, and starts nothing there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=
action=install
purge=

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	case "$1" in
	--root)
		[ $# -ge 2 ] || fail "--root needs a folder"
		root=${2%/}
		[ -d "$root/" ] || fail "--root $2: there is no such folder"
		shift
		;;
	--uninstall) action=uninstall ;;
	--purge) purge=yes ;;
	-h | --help)
		sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p}' "$0"
		exit 0
		;;
	*) fail "$1 is not known; see --help" ;;
	esac
	shift
done
[ -z "$purge" ] || [ "$action" = uninstall ] || fail "--purge goes with --uninstall"
[ "$(id -u)" = 0 ] || fail "has to be root: sudo $0"

# A 64-bit kernel may run a system of 32 bits, as Raspberry Pi OS did: what counts is
# what the system's own programs are.
architecture() {
	word=
	if [ -z "$root" ] && command -v dpkg >/dev/null 2>&1; then
		word=$(dpkg --print-architecture)
	fi
	case "${word:-$(uname -m)}" in
	amd64 | x86_64) echo amd64 ;;
	arm64 | aarch64) echo arm64 ;;
	armhf | armel | armv6l | armv7l | armv8l) echo armv6 ;;
	*) echo "${word:-$(uname -m)}" ;;
	esac
}

running() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

uninstall() {
	if running; then
		systemctl disable --now gateway.service 2>/dev/null || true
	fi
	rm -f "$root/etc/systemd/system/gateway.service" "$root/etc/systemd/system/multi-user.target.wants/gateway.service" \
		"$root/usr/local/bin/gateway" "$root/usr/local/bin/gateway.old" "$root/usr/local/share/man/man1/gateway.1" "$root/usr/local/share/man/man5/gateway.yaml.5" \
		"$root/etc/udev/rules.d/60-gateway.rules"
	rm -rf "$root/usr/share/gateway"
	if [ -n "$purge" ]; then
		rm -rf "$root/etc/gateway" "$root/var/lib/gateway" "$root/etc/default/gateway"
		if [ -z "$root" ]; then
			userdel gateway 2>/dev/null || true
			groupdel gateway 2>/dev/null || true
		fi
	fi
	if running; then
		systemctl daemon-reload
	fi
	if [ -n "$purge" ]; then
		echo "The gateway is gone, with its configuration and data."
	else
		echo "The gateway is gone. Its configuration and data are kept in $root/etc/gateway and $root/var/lib/gateway."
	fi
}

install_files() {
	[ -x "$here/gateway" ] || fail "$here/gateway is not there; run it from the unpacked tar.gz"
	if [ -z "$root" ] && ! "$here/gateway" version >/dev/null 2>&1; then
		fail "this gateway does not run here: it is for another processor, or the file is damaged. This machine wants gateway_*_linux_$(architecture).tar.gz"
	fi
	if [ -z "$root" ] && command -v dpkg >/dev/null 2>&1 && dpkg -S /usr/bin/gateway >/dev/null 2>&1; then
		fail "the Debian package gateway is installed; upgrade that: sudo apt install ./gateway_*.deb"
	fi
	if [ -z "$root" ] && ! command -v systemctl >/dev/null 2>&1; then
		fail "there is no systemd here; start it yourself: $here/gateway run -c gateway.yaml"
	fi
	# Whole or not at all, while the old one runs.
	install -D -m 0755 "$here/gateway" "$root/usr/local/bin/gateway.new"
	if [ -e "$root/usr/local/bin/gateway" ] && ! cmp -s "$here/gateway" "$root/usr/local/bin/gateway"; then
		cp -p "$root/usr/local/bin/gateway" "$root/usr/local/bin/gateway.old"
	fi
	mv -f "$root/usr/local/bin/gateway.new" "$root/usr/local/bin/gateway"
	install -d "$root/etc/systemd/system"
	sed 's#/usr/bin/gateway#/usr/local/bin/gateway#' "$here/gateway.service" >"$root/etc/systemd/system/gateway.service"
	install -D -m 0644 "$here/60-gateway.rules" "$root/etc/udev/rules.d/60-gateway.rules"
	install -D -m 0644 "$here/gateway.yaml" "$root/usr/share/gateway/gateway.yaml"
	[ -e "$root/etc/default/gateway" ] || install -D -m 0644 "$here/default" "$root/etc/default/gateway"
	for page in gateway.1 gateway.yaml.5; do
		[ ! -e "$here/$page" ] || install -D -m 0644 "$here/$page" "$root/usr/local/share/man/man${page##*.}/$page"
	done
}

if [ "$action" = uninstall ]; then
	uninstall
	exit 0
fi
install_files
if [ -n "$root" ]; then
	# Its users are made at the first boot: systemd-sysusers and systemd-tmpfiles.
	install -D -m 0644 "$here/sysusers.conf" "$root/usr/lib/sysusers.d/gateway.conf"
	install -D -m 0644 "$here/tmpfiles.conf" "$root/usr/lib/tmpfiles.d/gateway.conf"
	install -d "$root/etc/systemd/system/multi-user.target.wants"
	ln -sf ../gateway.service "$root/etc/systemd/system/multi-user.target.wants/gateway.service"
	echo "The gateway is in $root, and starts when that boots."
	exit 0
fi
sh "$here/postinst" setup
if running; then
	systemctl daemon-reload
	systemctl enable gateway.service 2>/dev/null || true
	systemctl restart gateway.service
fi
host=$(hostname)
echo "The gateway is installed: $("/usr/local/bin/gateway" version | head -n 1)"
echo "Page:  http://$host:8080   (the code for the first password: journalctl -u gateway | grep code=)"
echo "MQTT:  $host:1883          (a user: sudo gateway passwd /etc/gateway/users NAME && sudo systemctl reload gateway)"
