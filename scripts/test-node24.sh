#!/usr/bin/env bash
# Runs the test suite on Node 24, which the npm package node-linux-* carries. Wants `npm ci` done here; nothing is
# compiled, for Node 24 loads the SQLite binding that comes compiled. The browser is the same on any Node, and is left
# out. Arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "no Node.js package for $(uname -m)" >&2; exit 1 ;;
esac

folder=$(mktemp -d "${TMPDIR:-/tmp}/mycelid-node24.XXXXXX")
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm pack --silent "node-linux-$arch@24" >/dev/null && tar xzf node-linux-*.tgz)
export PATH=$folder/package/bin:$PATH
echo "tests on Node $(node --version)"
node scripts/build.mjs
node node_modules/vitest/vitest.mjs run --config scripts/vitest.config.ts --project pure --project real "$@"
