#!/bin/sh
# Installs the packages of tools/packages.txt, or of the list that is named, that are missing; does
# nothing, and needs neither network nor root, when all are there.
#
# Services that come with a package are not started: the bench starts its own.
#
# libraft 0.22.1 is not in Debian 12 itself but in its backports. When no known source has it,
# backports are added with the mirror and the key that this machine already uses, pinned so that
# only libraft comes from there.
set -eu
cd "$(dirname "$0")/.."

list=${1:-tools/packages.txt}
policy=/usr/sbin/policy-rc.d # asked by packages before they start anything
source_file=/etc/apt/sources.list.d/erlmcp-backports.sources
pin_file=/etc/apt/preferences.d/erlmcp-backports

fail() {
	echo "deps: $*" >&2
	exit 1
}

# Version of an installed package; empty when it is not installed.
installed() {
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null |
		awk '$1 == "installed" { print $2; exit }'
}

# Is a requirement ("a", "a|b" or "a>=version") met?
is_met() {
	for name in $(echo "${1%%>=*}" | tr '|' ' '); do
		have=$(installed "$name")
		[ -n "$have" ] || continue
		case $1 in
		*'>='*) dpkg --compare-versions "$have" ge "${1#*>=}" && return 0 ;;
		*) return 0 ;;
		esac
	done
	return 1
}

missing() {
	sed -e '/^#/d' -e '/^$/d' "$list" | while read -r want _; do
		is_met "$want" || echo "$want"
	done
}

# Best version of a package that apt would choose; empty when it has none.
candidate() {
	apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

write_as_root() { # file; the text comes on standard input
	as_root tee "$1" >/dev/null
}

# Print "URIs: ..." and, where given, "Signed-By: ..." of the first source of this suite.
# Reads the deb822 format (.sources) and the one-line format (.list).
source_of_suite() {
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -e "$file" ] || continue
		awk -v suite="$1" '
			function flush() {
				if (uri != "" && (" " suites " ") ~ (" " suite " ") && types ~ /deb( |$)/ && !off) {
					print "URIs: " uri
					if (key != "") print "Signed-By:" key
					found = 1
					exit
				}
				uri = suites = types = key = ""; off = 0; in_key = 0
			}
			/^[ \t]*$/ { flush(); next }
			/^#/ { next }
			/^[ \t]/ { if (in_key) key = key "\n" $0; next }
			{ in_key = 0; value = $0; sub(/^[^:]*:[ \t]*/, "", value); sub(/[ \t]+$/, "", value) }
			/^Types:/ { types = value }
			/^URIs:/ { split(value, uris, /[ \t]+/); uri = uris[1] }
			/^Suites:/ { suites = value }
			/^Enabled:/ { off = value ~ /^(no|false)/ }
			/^Signed-By:/ { key = value == "" ? "" : " " value; in_key = 1 }
			END { if (!found) flush() }' "$file"
	done
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -e "$file" ] || continue
		awk -v suite="$1" '
			$1 == "deb" {
				key = ""; at = 2
				if ($2 ~ /^\[/) {
					for (at = 2; at <= NF; at++) {
						option = $at; gsub(/[][]/, "", option)
						if (option ~ /^signed-by=/) key = substr(option, 11)
						if ($at ~ /\]$/) break
					}
					at++
				}
				if ($(at + 1) != suite) next
				print "URIs: " $at
				if (key != "") print "Signed-By: " key
				exit
			}' "$file"
	done
}

add_backports() {
	codename=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)
	[ -n "$codename" ] || fail "/etc/os-release does not name this Debian's version"
	from=$(source_of_suite "$codename" | awk '/^URIs:/ && seen++ { exit } { print }')
	[ -n "$from" ] || fail "no apt source for $codename found to derive backports from"
	echo "deps: adding $codename-backports, pinned to libraft ($source_file)"
	write_as_root "$source_file" <<-END
		Types: deb
		Suites: $codename-backports
		Components: main
		$from
	END
	write_as_root "$pin_file" <<-END
		Explanation: added by erlmcp, which needs libraft 0.22.1; nothing else comes from backports
		Package: *
		Pin: release n=$codename-backports
		Pin-Priority: -1

		Explanation: erlmcp
		Package: libraft*
		Pin: release n=$codename-backports
		Pin-Priority: 500
	END
	as_root apt-get -q update
}

deny_services() {
	[ -e "$policy" ] && return
	trap allow_services EXIT
	printf '#!/bin/sh\nexit 101\n' | write_as_root "$policy"
	as_root chmod 755 "$policy"
}

allow_services() {
	as_root rm -f "$policy"
}

# The package to install for a requirement.
choose() {
	name=${1%%>=*}
	for name in $(echo "$name" | tr '|' ' '); do
		[ -n "$(candidate "$name")" ] && break
	done
	echo "$name"
}

wanted=$(missing)
if [ -z "$wanted" ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	fail "not a Debian: please install" "$(echo "$wanted" | tr '\n' ' ')"
fi
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
	fail "needs root or sudo to install" "$(echo "$wanted" | tr '\n' ' ')"
fi

echo "deps: installing $(echo "$wanted" | tr '\n' ' ')"
as_root apt-get -q update
for want in $wanted; do
	case $want in
	'libraft-dev>='*)
		least=${want#*>=}
		if ! dpkg --compare-versions "$(candidate libraft-dev)" ge "$least"; then
			add_backports
		fi
		if ! dpkg --compare-versions "$(candidate libraft-dev)" ge "$least"; then
			fail "no source of this machine has libraft-dev $least or later"
		fi
		;;
	esac
done

deny_services
packages=$(for want in $wanted; do choose "$want"; done)
# shellcheck disable=SC2086 # a list of words
as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $packages

left=$(missing)
[ -z "$left" ] || fail "still missing:" "$(echo "$left" | tr '\n' ' ')"
