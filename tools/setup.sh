#!/usr/bin/env bash
# Makes this machine ready: Debian packages that are missing, and a virtual environment from the lock file.
# Silent when there is nothing to do, and safe to run again. Leaves no daemon running or enabled.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
venv=.venv
stamp=$venv/.requirements.sha256
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
policy_made=

finish() {
  status=$?
  if [ -n "$policy_made" ]; then rm -f "$policy"; fi
  rm -f "$log"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

# Run a command whose output matters only if it fails.
quietly() {
  local what=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail "$what failed: $*"
  fi
}

missing_packages() {
  command -v "$python" >/dev/null || echo python3
  "$python" -c 'import ensurepip' 2>/dev/null || [ -x $venv/bin/python ] || echo python3-venv
  PATH=$PATH:/usr/sbin:/sbin
  command -v bird >/dev/null || echo bird2
  command -v ip >/dev/null || echo iproute2
  command -v iptables >/dev/null || echo iptables
  command -v nsenter >/dev/null || echo util-linux
  command -v ssh >/dev/null || echo openssh-client
  command -v sshd >/dev/null || echo openssh-server
  command -v sudo >/dev/null || echo sudo
}

install_packages() {
  command -v apt-get >/dev/null || fail "this machine has no apt-get: install $* by other means, then run this again"
  [ "$(id -u)" = 0 ] || fail "installing $* takes root: run this as root or with sudo"
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts and enables daemons that it installs. A policy of the machine's own stays as it is.
  if [ ! -e "$policy" ]; then
    policy_made=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  if ! apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
    quietly "updating the package lists" apt-get update
    quietly "installing Debian packages" apt-get install -y --no-install-recommends "$@"
  fi
  local package
  for package in "$@"; do
    case $package in
      bird2) no_service bird ;;
      openssh-server) no_service ssh ;;
    esac
  done
}

# A daemon that came with a package is for the tests alone.
no_service() {
  if [ -d /run/systemd/system ]; then
    quietly "stopping the service $1" systemctl disable --now "$1.service"
  elif command -v update-rc.d >/dev/null; then
    quietly "disabling the service $1" update-rc.d "$1" disable
  fi
}

# Packages first: the interpreter may be one of them.
mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
  install_packages "${missing[@]}"
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python is $("$python" -V 2>&1); 3.11 or newer is needed: name one with PYTHON=…"

if [ ! -x $venv/bin/python ] || ! $venv/bin/python -c '' 2>/dev/null; then
  rm -rf $venv
  quietly "making the virtual environment" "$python" -m venv $venv
fi
wanted=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat $stamp 2>/dev/null || true)" != "$wanted" ]; then
  quietly "installing the locked Python packages" \
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  # The entry point alone, in place: pytest finds its ini file by it in spite of options that name files (gate/early.py).
  quietly "installing the project's entry point" \
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  echo "$wanted" >$stamp
fi
