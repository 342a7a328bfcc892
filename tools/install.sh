#!/bin/sh
# Lays erlmcp out like an Erlang release: tools/install.sh BUILD_DIR DESTDIR PREFIX
#
#   bin/      erlmcp erlmcp-admin epmd erl        releases/VERSION/  vm.args sys.config
#   scripts/  health check, runbooks              log/ data/         written by the node
set -eu
cd "$(dirname "$0")/.."
build=$1
root=$2$3
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build)

install -d "$root/bin" "$root/scripts/lib" "$root/scripts/runbooks" "$root/releases/$version" "$root/log" "$root/data"
for program in erlmcp erlmcp-admin epmd erl; do
	install -m 755 "$build/src/cmd/$program" "$root/bin/$program"
done

# Manual pages and completion are made by the programs, out of the tables that their help is made of.
man="$root/share/man/man1"
install -d "$man" "$root/share/bash-completion/completions" "$root/share/zsh/site-functions"
for program in erlmcp erlmcp-admin; do
	"$build/src/cmd/$program" man >"$man/$program.1"
	"$build/src/cmd/$program" completion bash >"$root/share/bash-completion/completions/$program"
	"$build/src/cmd/$program" completion zsh >"$root/share/zsh/site-functions/_$program"
done
install -m 755 scripts/check-partition.sh scripts/test-network-partition.sh "$root/scripts/"
install -m 755 scripts/runbooks/*.sh "$root/scripts/runbooks/"
install -m 755 scripts/lib/*.sh "$root/scripts/lib/"

# An operator's settings outlive an upgrade.
for file in vm.args sys.config; do
	if [ -e "$root/releases/$version/$file" ]; then
		install -m 644 "deploy/$file" "$root/releases/$version/$file.new"
	else
		install -m 644 "deploy/$file" "$root/releases/$version/$file"
	fi
done
echo "installed erlmcp $version in $root"
