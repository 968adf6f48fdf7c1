#!/bin/sh
# Makes a fresh Linux machine ready for what is named:
#   packages  Node and the npm packages: for checks, unit tests and the build
#   demo      also etcd, kube-apiserver and kubectl, built while npm installs
#   all       also what every test needs: helm and, where a real node can run (root, with cgroups and namespaces), that node
# Quick when there is nothing to do. Each step says what it does and how long it took.
# Usage: bootstrap.sh [packages | demo | all], all when nothing is named.
set -eu
cd "$(dirname "$0")/.."

# The project's own Node, as package.json pins it, and the npm that comes with it.
NODE=$(sed -n 's/.*"node": "\([0-9.]*\)".*/\1/p' package.json)
NPM=11.19.1
GO_MINOR=21 # the first Go that fetches the newer toolchain a go.mod asks for by itself
STAMP=node_modules/.package-lock.sha256
OWN_NPM=.cache/npm-$NPM-node-$NODE/node_modules/.bin
# What every clone on this machine has alike; scripts/tools.ts keeps the cluster's programs there.
SHARED=${XDG_CACHE_HOME:-$HOME/.cache}/actiongrant
PLATFORM=$(uname -s)-$(uname -m)
SHARED_NPM=$SHARED/npm-$NPM-node-$NODE-$PLATFORM

say() { printf '%s\n' "bootstrap: $*"; }
fail() {
  printf '%s\n' "bootstrap: $*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

step() { # step <what> <command…>
  what=$1
  shift
  say "$what…"
  began=$(date +%s)
  "$@"
  say "$what: $(($(date +%s) - began)) s"
}

can_apt() { [ "$(id -u)" = 0 ] && have apt-get; }
apt_install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

need_npm() {
  if have node && have npm; then return; fi
  can_apt || fail "Node.js and npm are missing: install any current version (https://nodejs.org)"
  step 'install nodejs and npm' apt_install nodejs npm
}

node_is_new_enough() {
  node -e 'process.exit(Number.parseInt(process.versions.node, 10) >= 24 ? 0 : 1)'
}

# npm leaves out a package's native half when the Node it runs on is older than that package wants.
# So an older one (Debian 12 has 18) only fetches a newer pair, which then installs everything.
use_new_npm() {
  if node_is_new_enough; then return; fi
  need_own_npm "for Node $NODE (this is Node $(node --version))"
  PATH=$PWD/$OWN_NPM:$PATH
  node_is_new_enough || fail "$OWN_NPM/node does not run: remove .cache and run this again"
}
fetch_npm() {
  prefix=${OWN_NPM%/node_modules/.bin}
  mkdir -p "$prefix"
  # Newer npm versions run the install script of `node` only where a package.json allows it.
  printf '{"private": true, "dependencies": {"node": "%s", "npm": "%s"}, "allowScripts": {"node": true}}' \
    "$NODE" "$NPM" >"$prefix/package.json"
  npm install --prefix "$prefix" --no-audit --no-fund --loglevel=error
  keep "$prefix" "$SHARED_NPM"
}
need_own_npm() { # need_own_npm <what for>
  [ ! -x "$OWN_NPM/npm" ] || return 0
  if ! restore "$SHARED_NPM" "${OWN_NPM%/node_modules/.bin}"; then
    step "fetch npm $1" fetch_npm
  fi
}

# A folder as another clone made it. A copy: what one clone does to its own changes nobody else's.
restore() { # restore <shared> <folder>
  [ -d "$1" ] || return 1
  touch "$1"
  mkdir -p "$(dirname "$2")"
  rm -rf "$2" "$2.part"
  cp -a "$1" "$2.part"
  mv "$2.part" "$2"
}

# For other clones, where there is room; and away with what has not been of use for a month.
keep() { # keep <folder> <shared>
  part=$2.$$
  if ! { mkdir -p "$SHARED" && cp -a "$1" "$part" && touch "$part"; }; then
    rm -rf "$part"
    say "nothing is kept in $SHARED for other clones"
    return 0
  fi
  # Another clone may have been faster.
  if [ -d "$2" ]; then rm -rf "$part"; else mv "$part" "$2"; fi
  find "$SHARED" -maxdepth 1 \( -name 'npm-*' -o -name 'packages-*' \) -mtime +30 -exec rm -rf {} +
}

# What node_modules was installed from; the stamp goes away with it.
lock_sum() { sha256sum <package-lock.json | cut -d' ' -f1; }

packages_are_current() { [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(lock_sum)" ]; }

need_packages() {
  if packages_are_current; then return; fi
  shared=$SHARED/packages-$(lock_sum | cut -c1-16)-$PLATFORM
  if [ -d "$shared" ]; then
    step 'copy the npm packages of another clone' restore "$shared" node_modules
    if packages_are_current && node_modules/.bin/node --version >/dev/null 2>&1; then return; fi
    rm -rf "$shared"
  fi
  step 'npm ci' npm ci --no-audit --no-fund --loglevel=error
  lock_sum >"$STAMP"
  keep node_modules "$shared"
}

# The package `node` fetches its binary in an install script, which newer npm versions only run
# when package.json allows it (allowScripts) and any npm skips with ignore-scripts.
need_node() {
  [ -x node_modules/node/bin/node ] ||
    step 'npm rebuild node' npm rebuild --foreground-scripts --ignore-scripts=false node
  got=$(node_modules/.bin/node --version) || fail "node_modules/.bin/node does not run"
  [ "$got" = "v$NODE" ] ||
    fail "node_modules/.bin/node is $got, not v$NODE: remove node_modules and run this again"
}

go_is_new_enough() {
  have go || return 1
  version=$(GOTOOLCHAIN=local go env GOVERSION) # such as go1.26.8
  major=${version#go}
  major=${major%%.*}
  minor=${version#go*.}
  minor=${minor%%[!0-9]*}
  [ "$major" -gt 1 ] || [ "$minor" -ge "$GO_MINOR" ]
}

debian_go_is_new_enough() {
  apt-get update -qq
  minor=$(apt-cache policy golang-go | sed -n 's/ *Candidate: [0-9]*:\{0,1\}1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge "$GO_MINOR" ]
}

# Only building needs Go: neither a filled cache nor KUBEBUILDER_ASSETS with a helm on PATH does.
need_go() {
  if go_is_new_enough; then return; fi
  if can_apt && debian_go_is_new_enough; then
    step 'install golang' apt_install golang-go ca-certificates
    return
  fi
  fail "Go 1.$GO_MINOR or newer is needed to build kube-apiserver, etcd, kubectl and helm
(https://go.dev/doc/install), or set KUBEBUILDER_ASSETS to a folder that has them and put helm on PATH"
}

# Whether this machine lets us run a node; scripts/run-checks.ts says so when it doesn't.
can_run_node() {
  [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && [ -w /sys/fs/cgroup ] &&
    unshare --net --mount --pid --fork --mount-proc true 2>/dev/null
}

# What runs containers and builds images: Debian's packages of what test/support/node/requirements.ts looks for.
need_node_packages() {
  can_run_node || return 0
  packages=
  for pair in containerd:containerd runc:runc nft:nftables ip:iproute2 conntrack:conntrack \
    mmdebstrap:mmdebstrap buildah:buildah; do
    have "${pair%%:*}" || packages="$packages ${pair#*:}"
  done
  [ -x /usr/lib/cni/ptp ] || packages="$packages containernetworking-plugins"
  if [ -n "$packages" ] && can_apt; then
    # shellcheck disable=SC2086 # one word each
    step "install$packages (for the end-to-end tests)" apt_install $packages
  fi
  # The image that the product's Dockerfile is built on gets npm's own package.
  need_own_npm '(for the end-to-end tests)'
}

# Other people's clients, with which the files that the sidecar writes for them are tried, and the shells that people paste the
# documentation into. Where they are missing, and nothing is checked unattended, their tests are left out.
need_clients() {
  [ "${CI:-}" = true ] || return 0
  packages=
  for pair in javac:default-jdk-headless wget:wget curl:curl zsh:zsh; do
    have "${pair%%:*}" || packages="$packages ${pair#*:}"
  done
  if [ -n "$packages" ] && can_apt; then
    # shellcheck disable=SC2086 # one word each
    step "install$packages (clients to test with)" apt_install $packages
  fi
}

# A Node that runs TypeScript, also while npm still installs the project's own.
any_new_node() {
  if packages_are_current; then
    echo node_modules/.bin/node
  else
    command -v node
  fi
}

# Starts to build the programs that are missing of these, or of all. `await_tools` waits for them.
TOOLS=
begin_tools() {
  node=$(any_new_node)
  if "$node" scripts/provide-tools.ts --check "$@"; then return; fi
  need_go
  "$node" scripts/provide-tools.ts "$@" &
  TOOLS=$!
  trap 'kill "$TOOLS" 2>/dev/null || true' EXIT
  trap 'exit 130' INT TERM
}
await_tools() {
  [ -z "$TOOLS" ] || wait "$TOOLS" || fail "the cluster's programs could not be built"
  TOOLS=
  trap - EXIT INT TERM
}

need_npm
packages_are_current || use_new_npm
case ${1:-all} in
  packages)
    need_packages
    need_node
    ;;
  demo)
    begin_tools etcd kube-apiserver kubectl
    need_packages
    need_node
    await_tools
    ;;
  all)
    # First: which programs a machine can use depends on them.
    need_node_packages
    need_clients
    begin_tools
    need_packages
    need_node
    await_tools
    ;;
  *) fail "no such part: $1 (packages, demo or all)" ;;
esac
