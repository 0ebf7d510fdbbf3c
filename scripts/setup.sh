#!/usr/bin/env bash
# Makes this machine able to run the project: system packages, the user `ivr`, the Python environment, Asterisk and SIPp.
# Every make target calls it first. When nothing is missing it ends within a fraction of a second; what it does otherwise
# it says, one line a step, and each failure is one line that says what to do. Exit code 2: the machine is not fit.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

MINIMUM_ASTERISK=22.10.1
MINIMUM_SIPP=3.7
STAMP=.venv/setup.stamp
LOG=$(mktemp -t ivr-setup.XXXXXX)
trap 'rm -f "$LOG"' EXIT

version_at_least() { # wanted found
    [ -n "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]
}

# --- What there is -------------------------------------------------------------------------------------------------------
version_said() { "$@" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n1 || true; }
has_tree_program() { [ -e "$IVR_CACHE/asterisk/usr/$1" ]; }
has_asterisk() { has_tree_program sbin/asterisk || version_at_least $MINIMUM_ASTERISK "$(version_said asterisk -V)"; }
has_sipp() { has_tree_program bin/sipp || version_at_least $MINIMUM_SIPP "$(version_said sipp -v)"; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
has_user() { [ "$(id -u)" != 0 ] || id "$IVR_USER" >/dev/null 2>&1; }
content() { { cat requirements.lock; pwd; } | sha256sum | cut -d' ' -f1; }
has_environment() { [ "$(cat $STAMP 2>/dev/null)" = "$(content)" ] && [ -x .venv/bin/python ]; }

if has_environment && has_asterisk && has_sipp && has_postgres && command -v espeak-ng >/dev/null && has_user &&
    [ -d "$IVR_CACHE/prompts" ]; then
    exit 0
fi

# --- Steps ---------------------------------------------------------------------------------------------------------------
step() { printf 'setup: %s\n' "$1" >&2; }

# Runs quietly; on failure its last words and one line that says what to do.
quietly() { # what-to-do command…
    local advice=$1
    shift
    if ! "$@" >"$LOG" 2>&1; then
        tail -n 5 "$LOG" | sed 's/^/    /' >&2
        fail "$advice"
    fi
}

# A mirror that has not been refreshed for long has an expired index. Only then its date is not checked; its signature is.
is_expired() { grep -qE 'is expired|is not valid yet' "$LOG"; }

find_python() {
    local candidate
    for candidate in /usr/bin/python3 /usr/bin/python3.1[1-9] /usr/local/bin/python3 "$(command -v python3 || true)"; do
        [ -x "$candidate" ] || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        # An interpreter below somebody's home cannot be run by the user that the system runs as.
        "${AS_USER[@]}" "$candidate" -c '' 2>/dev/null || continue
        PYTHON=$candidate
        return 0
    done
    return 1
}

install_packages() {
    local -a wanted=() apt_options=()
    "${PYTHON:-/usr/bin/python3}" -c 'import ensurepip, venv' 2>/dev/null || [ -x .venv/bin/pip ] || wanted+=(python3-venv)
    has_postgres || wanted+=(postgresql)
    command -v espeak-ng >/dev/null || wanted+=(espeak-ng)
    if ! has_asterisk || ! has_sipp; then
        command -v mmdebstrap >/dev/null || wanted+=(mmdebstrap)
        [ "$(id -u)" = 0 ] || command -v newuidmap >/dev/null || wanted+=(uidmap)
        [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || wanted+=(debian-archive-keyring)
    fi
    [ ${#wanted[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "this set-up needs Debian or a relative of it (apt-get); on other systems use the images in docker/"
    local -a root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; } ||
            fail "as root, run: apt-get install ${wanted[*]}   (there is no sudo here); then make again"
        root=(sudo)
    fi
    step "installing ${wanted[*]}"
    if ! "${root[@]}" apt-get -q update >"$LOG" 2>&1; then
        is_expired || { tail -n 3 "$LOG" >&2; fail "apt-get update does not work: mend this machine's package sources, then make again"; }
        step "the package mirror's index has expired: its signature is checked, its date is not"
        apt_options+=(-o Acquire::Check-Valid-Until=false)
        quietly "apt-get update does not work: mend this machine's package sources, then make again" \
            "${root[@]}" apt-get -q "${apt_options[@]}" update
    fi
    if [[ " ${wanted[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        # The project has a cluster of its own; Debian's would only occupy port 5432.
        "${root[@]}" mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    quietly "apt-get could not install ${wanted[*]}: install them by hand, then make again" \
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "${apt_options[@]}" \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "${wanted[@]}"
}

make_user() {
    has_user && return 0
    step "making the user $IVR_USER, which everything runs as"
    quietly "cannot make the user $IVR_USER: make it by hand (useradd --system $IVR_USER), then make again" \
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$IVR_USER"
}

make_environment() {
    has_environment && return 0
    step "installing the Python packages of requirements.lock (about a minute)"
    if ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
        rm -rf .venv
        quietly "cannot make the Python environment .venv with $PYTHON: see the lines above" "$PYTHON" -m venv .venv
    fi
    rm -f $STAMP
    # --no-deps: the lock file is complete, and nothing that it does not name may come in.
    quietly "the packages of requirements.lock cannot be installed: is a package index reachable? Then make again" \
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes --no-deps -r requirements.lock
    # The project itself is used from where it lies: no build, no copy that could be old.
    local site
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    pwd >"$site/ivr-checkout.pth"
    printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m ivr "$@"\n' "$PWD" >.venv/bin/ivr
    chmod a+rx .venv/bin/ivr
    content >$STAMP
}

# The machine's own Debian mirror: it is the one that can be reached from here. mmdebstrap knows a public one otherwise.
find_mirror() {
    if [ -n "${IVR_DEBIAN_MIRROR:-}" ]; then
        echo "$IVR_DEBIAN_MIRROR"
        return
    fi
    grep -qE '^ID="?debian"?$' /etc/os-release || return 0
    { sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources
      sed -nE 's/^deb (\[[^]]*\] *)?([^ ]+) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | tr ' ' '\n' | grep -E '/debian/?$' | head -n1 || true
}

unpack_asterisk() {
    has_asterisk && has_sipp && return 0
    local -a packages=() options=()
    local mirror fresh
    has_asterisk || packages+=(asterisk)
    packages+=(sip-tester)
    mirror=$(find_mirror)
    step "unpacking ${packages[*]} of Debian sid into $IVR_CACHE (about 20 s, 300 MB)"
    mkdir -p "$IVR_CACHE"
    rm -rf "$IVR_CACHE"/.asterisk.*
    fresh=$(mktemp -d "$IVR_CACHE/.asterisk.XXXXXX")
    if ! unpack "$fresh"; then
        is_expired || { tail -n 5 "$LOG" | sed 's/^/    /' >&2; rm -rf "$fresh"; fail "Asterisk cannot be fetched: is a Debian mirror reachable (IVR_DEBIAN_MIRROR)? Then make again"; }
        step "the package mirror's index has expired: its signature is checked, its date is not"
        options+=(--aptopt='Acquire::Check-Valid-Until "false"')
        unpack "$fresh" || { tail -n 5 "$LOG" | sed 's/^/    /' >&2; rm -rf "$fresh"; fail "Asterisk cannot be unpacked: see the lines above"; }
    fi
    chmod 755 "$fresh"
    rm -rf "$IVR_CACHE/asterisk"
    # Whole or not at all: an interrupted set-up leaves no half tree under the final name.
    mv "$fresh" "$IVR_CACHE/asterisk"
}

# As a tar stream: so the files belong to whoever unpacks them, also in mmdebstrap's mode without root.
unpack() {
    find "$1" -mindepth 1 -delete
    mmdebstrap --variant=extract --include="$(IFS=,; echo "${packages[*]}")" \
        --aptopt='Apt::Install-Recommends "false"' "${options[@]}" sid - ${mirror:+"$mirror"} 2>"$LOG" |
        tar -x -C "$1" --no-same-owner --exclude='./dev/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' 2>>"$LOG"
}

PYTHON=
make_user
find_python || true
install_packages
[ -n "$PYTHON" ] || find_python ||
    fail "no Python 3.11 or newer that every user can run: apt-get install python3 python3-venv, then make again"
make_environment
unpack_asterisk
# Rendered prompts are kept here by content: a new var/ need not render them again.
mkdir -p "$IVR_CACHE/prompts"
[ "$(id -u)" != 0 ] || chown "$IVR_USER:" "$IVR_CACHE/prompts"
step "done"
