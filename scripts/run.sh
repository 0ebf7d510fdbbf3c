#!/usr/bin/env bash
# One verb of the Makefile: sets up, gives up root's rights, runs it. Usage: scripts/run.sh VERB [argument…]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh
VERB=$1
shift

# A checkout below somebody's home cannot be read by the user that everything runs as. Work goes on in a copy then.
use_readable_copy() {
    local copy="/var/lib/ivr/checkout-$(pwd | sha256sum | cut -c1-12)"
    printf 'run: the user %s cannot read %s: working in the copy %s, also for var/\n' "$IVR_USER" "$PWD" "$copy" >&2
    mkdir -p "$copy"
    chmod 755 /var/lib/ivr "$copy"
    # A system may be running from the copy: files are replaced one by one, and only then what is gone is removed.
    list_sources | sort -z >"$copy/.sources"
    tar --null --no-recursion --files-from="$copy/.sources" --mode=a+rX -cf - |
        tar -x -C "$copy" --no-same-owner --unlink-first
    (cd "$copy" && find . \( -path ./.venv -o -path ./var -o -path ./.sources \) -prune -o -type f -printf '%P\0' |
        sort -z | comm -z -13 .sources - | xargs -0 -r rm -f)
    [ "$IVR_VAR" != "$PWD/var" ] || IVR_VAR=$copy/var
    exec "$copy/scripts/run.sh" "$VERB" "$@"
}

# What is tracked, and what is new and not ignored. Everything but what is made here where there is no git.
list_sources() {
    if git -c safe.directory="$PWD" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard |
            while IFS= read -r -d '' path; do [ ! -e "$path" ] || printf '%s\0' "$path"; done
    else
        find . -mindepth 1 \( -path ./.git -o -path ./.venv -o -path ./var \) -prune -o -type f -printf '%P\0'
    fi
}

if [ "$(id -u)" = 0 ] && id "$IVR_USER" >/dev/null 2>&1 && ! "${AS_USER[@]}" test -r "$PWD/pyproject.toml"; then
    use_readable_copy "$@"
fi
scripts/setup.sh
if [ "$(id -u)" = 0 ]; then
    # The first time the user was made just now.
    "${AS_USER[@]}" test -r "$PWD/pyproject.toml" || use_readable_copy "$@"
    mkdir -p "$IVR_VAR"
    find "$IVR_VAR" ! -user "$IVR_USER" -exec chown -h "$IVR_USER:" {} +
fi
mkdir -p "$IVR_VAR"
chmod 700 "$IVR_VAR"

# What tools keep between runs goes below var/, the one folder that the unprivileged user may write.
TOOLS=$IVR_VAR/tools
export MYPY_CACHE_DIR=$TOOLS/mypy RUFF_CACHE_DIR=$TOOLS/ruff HYPOTHESIS_STORAGE_DIRECTORY=$TOOLS/hypothesis
export PYTHONPYCACHEPREFIX=$TOOLS/pycache
PYTHON=.venv/bin/python

checked() {
    printf '\n== %s\n' "$1"
    shift
    "${AS_USER[@]}" "$@"
}

static_checks() {
    checked "format" $PYTHON -m ruff format --check --quiet .
    checked "lint" $PYTHON -m ruff check --quiet .
    checked "types" $PYTHON -m mypy --strict ivr
    checked "import layers" .venv/bin/lint-imports --cache-dir "$TOOLS/import-linter"
    checked "dialplans" $PYTHON -m ivr check dialplans
    checked "scenarios" $PYTHON -m ivr scenarios dialplans --min-coverage 100
}

run_tests() {
    printf '\n== tests\n'
    "${AS_USER[@]}" $PYTHON -m pytest -o cache_dir="$TOOLS/pytest" "$@"
}

case $VERB in
setup) ;;
check)
    static_checks
    run_tests -q -n 2 -m 'not slow' tests/unit tests/contract
    ;;
test)
    static_checks
    # The only run of pytest, and the last command: its summary ends the output.
    # Each worker has a system of its own, and the files of one group stay together. Three on two cores: they mostly wait.
    run_tests -n 3 --dist loadgroup "$@"
    ;;
demo | up | bench | soak | fuzz | chaos | status) exec "${AS_USER[@]}" $PYTHON -m ivr "$VERB" "$@" ;;
*) fail "unknown verb $VERB: see make help" ;;
esac
