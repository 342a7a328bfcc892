#!/bin/sh
# Makes a Debian package of a build: tools/package.sh BUILD_DIR OUTPUT_DIR
#
# Programs are below /opt/erlmcp, where the runbooks expect them; data, log and settings where
# Debian has them; libraft before 0.22.1 can elect two leaders in a term. epmd and erl are not put on the PATH: they would hide those of Erlang.
set -eu
cd "$(dirname "$0")/.."
build=$1
output=$2

version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build)
architecture=$(dpkg --print-architecture)
root=$output/root
file=$output/erlmcp_${version}_$architecture.deb

lay_out() {
	tools/install.sh "$build" "$root" /opt/erlmcp >/dev/null
	rmdir "$root/opt/erlmcp/data" "$root/opt/erlmcp/log"
	ln -s /var/lib/erlmcp "$root/opt/erlmcp/data"
	ln -s /var/log/erlmcp "$root/opt/erlmcp/log"
	strip --strip-unneeded "$root"/opt/erlmcp/bin/*
	mv "$root/opt/erlmcp/share" "$root/usr-share"
	install -d "$root/usr/bin" "$root/usr/share" "$root/usr/lib/systemd/system" "$root/etc/erlmcp" "$root/usr/share/doc/erlmcp"
	cp -r "$root/usr-share/." "$root/usr/share/"
	rm -rf "$root/usr-share"
	mv "$root/usr/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions"
	gzip -9n "$root"/usr/share/man/man1/*.1
	for program in erlmcp erlmcp-admin; do
		install -m 755 deploy/debian/with-settings "$root/usr/bin/$program"
	done
	install -m 644 deploy/systemd/erlmcp.service "$root/usr/lib/systemd/system/"
	install -m 640 deploy/debian/erlmcp.env "$root/etc/erlmcp/"
	install -m 644 LICENSE "$root/usr/share/doc/erlmcp/copyright"
	install -m 644 deploy/systemd/erlmcp-minority-stays-down.conf "$root/usr/share/doc/erlmcp/"
	cp -r doc/runbooks doc/reference doc/protocol doc/decisions doc/RAFT_CONSENSUS.md "$root/usr/share/doc/erlmcp/"
}

# The libraries' packages, as dpkg knows them. It wants a source package around it: an empty one.
depends() {
	mkdir -p "$output/debian"
	echo "Source: erlmcp" >"$output/debian/control"
	(cd "$output" && dpkg-shlibdeps -O root/opt/erlmcp/bin/*) | sed -n -e 's/libraft0 (>= 0.22.0)/libraft0 (>= 0.22.1)/' -e 's/^shlibs:Depends=//p'
}

describe() {
	install -d "$root/DEBIAN"
	sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$1, passwd/" \
		-e "s/@SIZE@/$(du -sk "$root" | cut -f 1)/" deploy/debian/control.in >"$root/DEBIAN/control"
	install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$root/DEBIAN/"
	{
		echo /etc/erlmcp/erlmcp.env
		echo "/opt/erlmcp/releases/$version/vm.args"
		echo "/opt/erlmcp/releases/$version/sys.config"
	} >"$root/DEBIAN/conffiles"
}

rm -rf "$output"
mkdir -p "$output"
lay_out
describe "$(depends)"
dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null
rm -rf "$root" "$output/debian"
echo "$file"
