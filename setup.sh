#!/usr/bin/env bash
# Sets up everything that `doit` needs, and says what it does; run it as often as you like.
#   ./setup.sh          .venv, and a Haskell toolchain where neither this machine nor a container engine has one
#   ./setup.sh --test   the same, and what the tests need
# Disk and time on a bare Debian 12 are in docs/setting-up.md. A line a step; the tools' own words are in setup.log.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "setup: $*" >&2; }
# A sentence, and each next act on a line of its own.
fail() {
  say "$1"
  shift
  for act in "$@"; do say "  → $act"; done
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
: >setup.log
exec 8>&2 # the terminal, for a line that moves; only where somebody looks, and no screen reader would read each step
looked_at=false
if [ -t 8 ] && [ -z "${CI+x}${NO_COLOR+x}" ] && [ "${TERM:-dumb}" != dumb ]; then looked_at=true; fi
# Passes lines on; those of apt's APT::Status-Fd ("pmstatus:PACKAGE:PERCENT:WORDS", "dlstatus:…") move a line instead.
progress() {
  local line status='^(pm|dl)status:[^ ]*:([0-9]+)(\.[0-9]+)?:(.*)'
  while IFS= read -r line || [ -n "$line" ]; do
    if ! [[ $line =~ $status ]]; then
      printf '%s\n' "$line"
    elif $looked_at; then
      printf '\r\033[Ksetup: %3d %% %s' "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:0:48}" >&8
    fi
  done
  ! $looked_at || printf '\r\033[K' >&8
}
# Runs a step, its words in the log; where it fails, the last of them are shown.
logged() {
  printf '\n$ %s\n' "$*" >>setup.log
  "$@" 2>&1 | progress >>setup.log && return
  tail -n 5 setup.log | sed 's/^/setup: | /' >&2
  return 1
}

test_too=false
test_word=
case "${1-}" in
  "") ;;
  --test) test_too=true test_word=' --test' ;;
  -h | --help)
    sed -n '2,4s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  *) fail "unknown option $1" "./setup.sh or ./setup.sh --test" ;;
esac

# ---- system packages -------------------------------------------------------------------------------------------------

wanted=()
want() { wanted+=("$@"); }

# Whether apt knows a package; where it has no lists at all, everything is to be tried.
known() { apt-cache show "$1" >/dev/null 2>&1 || ! apt-cache show apt >/dev/null 2>&1; }

# Runs apt-get, and waits up to five minutes for another one (a new machine upgrades itself): the lists have a lock, too,
# and for that one apt does not wait.
apt_get() {
  local waits=0 words
  until words=$(logged "${as_root[@]}" env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o APT::Status-Fd=1 "$@" 2>&1); do
    if [[ $words != *"ould not get lock"* && $words != *"nable to lock"* ]] || [ $waits -ge 60 ]; then
      printf '%s\n' "$words" >&2
      return 1
    fi
    [ $waits -gt 0 ] || say "another apt is at work; waiting for its end"
    waits=$((waits + 1))
    sleep 5
  done
}

# What apt says of the room that packages take, such as " (712 MB to fetch, 3,921 MB of disk)".
sizes() {
  local said
  said=$(LC_ALL=C apt-get -o Debug::NoLocking=1 install --assume-no --no-install-recommends "$@" 2>/dev/null |
    sed -n 's|^Need to get \(.*\) of archives\.$|\1 to fetch|p; s|^After this operation, \(.*\) of additional.*|\1 of disk|p') || true
  [ -z "$said" ] || printf ' (%s)' "${said//$'\n'/, }"
}

# Installs what is wanted and missing. Of `a|b` the first that this distribution knows; what it does not know at all is
# named and left out: the tests that need it say so themselves.
install_wanted() {
  local missing=() unknown=() as_root=() choice package found
  for choice in "${wanted[@]}"; do
    found=
    for package in ${choice//|/ }; do
      if dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed'; then continue 2; fi
    done
    missing+=("$choice")
  done
  wanted=()
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || fail "this machine lacks ${missing[*]} (Debian's names)" "install them with its package manager"
  if [ "$(id -u)" != 0 ]; then
    have sudo || fail "these packages are missing, and there is no sudo: ${missing[*]}" \
      "as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]%%|*}" \
      "then:    ./setup.sh${test_word}"
    as_root=(sudo)
  fi
  say "reading the package lists"
  apt_get update -q || say "apt-get update failed; going on with the lists that are there"
  local chosen=()
  for choice in "${missing[@]}"; do
    found=
    for package in ${choice//|/ }; do
      if known "$package"; then
        found=$package
        break
      fi
    done
    if [ -n "$found" ]; then chosen+=("$found"); else unknown+=("$choice"); fi
  done
  [ ${#unknown[@]} = 0 ] || say "this distribution has no ${unknown[*]}; what needs them will say so"
  [ ${#chosen[@]} -gt 0 ] || return 0
  say "installing ${#chosen[@]} packages$(sizes "${chosen[@]}"): ${chosen[*]}"
  apt_get install -y -q --no-install-recommends "${chosen[@]}" ||
    fail "apt-get could not install them; all its words are in setup.log" \
      "if another apt holds the lock, wait for its end; else check the network and the package sources" "./setup.sh${test_word}"
}

want_haskell() {
  have ghc || want ghc
  have cabal || want cabal-install
  have stack || want haskell-stack
  if ! have ghc || { have dpkg-query && dpkg-query -S "$(readlink -f "$(command -v ghc)")" >/dev/null 2>&1; }; then
    want libghc-aeson-dev libghc-hmatrix-dev libghc-scotty-dev # what the samples use; Debian's GHC finds packages only there
  fi
}

# Where a container engine answers, and lambda.toml does not ask for this host: a line about the engine.
engine() {
  "$python" -c 'if True:
    from pathlib import Path
    from tasks.lib.engine.find import answering_engine
    from tasks.lib.settings.load import load
    asked = load(Path("lambda.toml"), None).build.builder
    place, answer = answering_engine() if asked != "host" else exit(1)
    print(f"{answer.server} at {place.address}")' 2>/dev/null
}

python=python3
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if have "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$candidate
    break
  fi
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || want python3
"$python" -c 'import ensurepip, venv' 2>/dev/null || want python3-venv

in_container=
if $test_too || have ghc || ! in_container=$(engine); then want_haskell; fi
have gcc || want gcc libc6-dev
have strip || want binutils
have musl-gcc || want musl-tools

if $test_too; then
  have node || want nodejs
  have npm || want npm
  while read -r package; do want "$package"; done < <(sed 's/#.*//; /^$/d' tests/packages.txt)
fi
install_wanted

# ---- Python ----------------------------------------------------------------------------------------------------------

requirements=(requirements.txt)
! $test_too || requirements+=(requirements-test.txt)

if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! grep -qxF "$PWD" .venv/made-for 2>/dev/null; then
  say "making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
  printf '%s\n' "$PWD" >.venv/made-for
fi
for file in "${requirements[@]}"; do
  stamp=.venv/${file%.txt}.$(sha256sum "$file" | cut -c1-16)
  if [ ! -e "$stamp" ]; then
    say "installing the packages of $file (pinned by hash)"
    logged .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r "$file" ||
      fail "pip could not install them; all its words are in setup.log" "check the network and pip's index" "./setup.sh${test_word}"
    touch "$stamp"
  fi
done
.venv/bin/python make/at_home.py                # so that plain doit answers as ours before it has read dodo.py
.venv/bin/python -m compileall -q dodo.py tasks # so that even the first doit starts quickly

# ---- the container -----------------------------------------------------------------------------------------------------

if [ -n "$in_container" ]; then
  say "builds go to a container ($in_container), so no GHC is installed here; making its image"
  if ! .venv/bin/doit image; then
    say "no image could be made; its message is above"
    say "installing GHC on this machine instead; builder = \"host\" in lambda.toml keeps to it, whatever the engine does"
    want_haskell
    install_wanted
  fi
fi
say "ready: .venv/bin/doit builds every zip, .venv/bin/doit list shows the tasks"
