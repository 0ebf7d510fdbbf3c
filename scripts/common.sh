# Shared by the scripts: who the system runs as and where things are kept. Sourced with the checkout as current folder.
# shellcheck shell=bash
umask 022
IVR_USER=${IVR_USER:-ivr}
if [ "$(id -u)" = 0 ]; then
    IVR_CACHE=${IVR_CACHE:-/var/cache/ivr}
else
    IVR_CACHE=${IVR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ivr}
fi
IVR_VAR=${IVR_VAR:-$PWD/var}
export IVR_USER IVR_CACHE IVR_VAR

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 2
}

# Put before a command: without root's rights, that is as the user ivr when we are root, as ourselves otherwise.
AS_USER=(env)
if [ "$(id -u)" = 0 ]; then
    AS_USER=(setpriv --reuid "$IVR_USER" --regid "$IVR_USER" --init-groups --no-new-privs env "HOME=$IVR_VAR")
fi
