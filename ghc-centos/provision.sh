#!/bin/sh
# Installs what Haskell builds need into an image of the dnf family (CentOS Stream, AlmaLinux, Amazon Linux 2023) or of
# the apt family (Debian, Ubuntu): sh provision.sh base | toolchain | packages
set -eu

GHCUP_VERSION=0.2.6.2
GHCUP_SHA256_x86_64=9ed5da5449b48043a0d17e767c05d2ef585e25a639bb934329496c6d2fad9cf8
GHCUP_SHA256_aarch64=65a5f05120288ee4f1a81d28825374b6af317456a351a586adfce90c6dc29e3b

have() { command -v "$1" >/dev/null 2>&1; }
fail() {
  echo "provision: $*" >&2
  exit 1
}

if have apt-get; then family=apt; elif have dnf; then family=dnf; else
  fail "this base has neither dnf nor apt-get; name another one with base_image in lambda.toml"
fi

install_packages() {
  [ $# -gt 0 ] || return 0
  if [ $family = dnf ]; then
    dnf -y --nodocs --setopt=install_weak_deps=0 install "$@"
    dnf clean all
    rm -rf /var/cache/dnf
  else
    # An image needs neither manuals nor an answer to a crash between two writes.
    printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
      'path-exclude=/usr/share/locale/*' >/etc/dpkg/dpkg.cfg.d/haskell-on-lambda
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install -y --no-install-recommends "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
  fi
}

base() {
  if [ $family = dnf ]; then
    # shellcheck source=/dev/null
    . /etc/os-release
    if [ "$ID" != amzn ]; then # Amazon Linux has the -static and -devel packages in its one repository
      install_packages dnf-plugins-core
      dnf config-manager --set-enabled crb || dnf config-manager --set-enabled powertools
    fi
    have curl || install_packages curl-minimal # it replaces, and conflicts with, curl
    install_packages binutils blas-devel ca-certificates findutils gcc gcc-c++ gcc-gfortran glibc-static gmp-devel gzip \
      lapack-devel libffi-devel make ncurses-devel perl-interpreter tar which xz zlib-devel
  else
    install_packages binutils ca-certificates curl findutils g++ gcc libblas-dev libc6-dev libffi-dev libgmp-dev \
      liblapack-dev libncurses-dev make tar xz-utils zlib1g-dev
  fi
}

with_ghcup() {
  : "${GHC_VERSION:?}" "${CABAL_VERSION:?}" "${STACK_VERSION:?}"
  machine=$(uname -m)
  case $machine in
    x86_64) sha256=$GHCUP_SHA256_x86_64 ;;
    aarch64) sha256=$GHCUP_SHA256_aarch64 ;;
    *) fail "ghcup is pinned for x86_64 and aarch64 only, not for $machine" ;;
  esac
  export GHCUP_INSTALL_BASE_PREFIX=/opt/haskell
  ghcup=/opt/haskell/.ghcup/bin/ghcup
  mkdir -p /opt/haskell/.ghcup/bin
  curl -fsSL --retry 3 -o $ghcup "https://downloads.haskell.org/~ghcup/$GHCUP_VERSION/$machine-linux-ghcup-$GHCUP_VERSION"
  echo "$sha256  $ghcup" | sha256sum -c -
  chmod 755 $ghcup
  $ghcup install ghc --set "$GHC_VERSION"
  $ghcup install cabal --set "$CABAL_VERSION"
  $ghcup install stack --set "$STACK_VERSION"
  $ghcup gc --profiling-libs --share-dir --cache --tmpdirs
}

toolchain() {
  case $TOOLCHAIN-$family in
    ghcup-* | auto-dnf) with_ghcup ;;
    distribution-apt | auto-apt) install_packages ghc cabal-install haskell-stack ;;
    *) fail "TOOLCHAIN=$TOOLCHAIN does not fit a base with $family: use ghcup" ;;
  esac
  for tool in ghc cabal stack; do
    echo "$tool $($tool --numeric-version)"
  done
}

packages() {
  if [ $family = dnf ]; then more=$PACKAGES_DNF; else more=$PACKAGES_APT; fi
  # shellcheck disable=SC2086 # one word a package
  install_packages $PACKAGES $more
}

case ${1-} in
  base | toolchain | packages) "$1" ;;
  *) fail "usage: provision.sh base | toolchain | packages" ;;
esac
