#!/usr/bin/env bash
# Sets up everything that `doit` needs, and says what it does; run it as often as you like.
#   ./setup.sh          .venv, and a Haskell toolchain where neither this machine nor a container engine has one
#   ./setup.sh --test   the same, and what the tests need
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "setup: $*" >&2; }
fail() {
  say "$1"
  [ $# -lt 2 ] || say "→ $2"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

test_too=false
case "${1-}" in
  "") ;;
  --test) test_too=true ;;
  -h | --help)
    sed -n '2,4s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  *) fail "unknown option $1" "./setup.sh or ./setup.sh --test" ;;
esac

# ---- system packages -------------------------------------------------------------------------------------------------

wanted=()
want() { wanted+=("$@"); }

# Installs what is wanted and missing.
install_wanted() {
  local missing=() as_root=() package
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  wanted=()
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || fail "this machine lacks ${missing[*]} (Debian's names)" "install them with its package manager"
  if [ "$(id -u)" != 0 ]; then
    have sudo || fail "these packages are missing, and there is no sudo: ${missing[*]}" "as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}; then ./setup.sh again"
    as_root=(sudo)
  fi
  say "installing with apt-get: ${missing[*]}"
  case " ${missing[*]} " in *" ghc "*) say "(all in all +1.9 GB of disk and some three minutes; with --test 7 GB)" ;; esac
  "${as_root[@]}" apt-get update -qq >&2 || say "apt-get update failed; going on with the lists that are there"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
    fail "apt-get could not install them; its message is above" "if another apt holds the lock, wait for its end; else check the network and the package sources; then run ./setup.sh again"
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
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$file" >&2 ||
      fail "pip could not install them; its message is above" "check the network and pip's index, then run ./setup.sh again"
    touch "$stamp"
  fi
done
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
