#!/usr/bin/env bash
# Runs the test suite on Node 24, which the npm package node-linux-* carries, in a copy of this checkout:
# the SQLite binding is compiled for one Node at a time, and the checkout's own stays as it is.
# Wants `npm ci` done here. Arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "no Node.js package for $(uname -m)" >&2; exit 1 ;;
esac

copy=$(mktemp -d "${TMPDIR:-/tmp}/mycelid-node24.XXXXXX")
trap 'rm -rf "$copy"' EXIT
(cd "$copy" && npm pack --silent "node-linux-$arch@24" >/dev/null && tar xzf node-linux-*.tgz && mv package node)
mkdir "$copy/tree"
tar -c --exclude=./node_modules --exclude=./dist --exclude=./.git --exclude=./.mesh --exclude='./.dist-*' . |
  tar -x -C "$copy/tree"
cp -a node_modules "$copy/tree/node_modules"
rm -rf "$copy/tree/node_modules/.vite" "$copy/tree/node_modules/.vitest"

export PATH=$copy/node/bin:$PATH npm_config_nodedir=$copy/node
cd "$copy/tree"
npm=$(command -v npm)
echo "Node $(node --version), better-sqlite3 compiled for it"
node "$(readlink -f "$npm")" rebuild better-sqlite3 >"$copy/rebuild.log" 2>&1 || { cat "$copy/rebuild.log" >&2; exit 1; }
node "$(readlink -f "$npm")" test -- "$@"
cd "$here"
