#!/usr/bin/env bash
# A Storacha service on loopback: storacha.sh [--check]. Start `node FOLDER/server.mjs`.
#
# It is the service logic that Storacha published (npm @storacha/upload-api: UCANs,
# receipts, storage nodes, all in memory) behind a listener of our own. It is not the
# hosted service, which takes no uploads any more.
. "$(dirname "$0")/common.sh"

require node "the Storacha service"
major="$(node --version | sed 's/^v//; s/\..*//')"
[ "$major" -ge 20 ] || unavailable "Node $major is too old for the Storacha service, which needs 20 or later"
begin storacha "$here"/storacha/*
require npm "the Storacha service"
cp "$here"/storacha/* "$folder"
cd "$folder"
# No package of them needs its install script.
attempt 600 "npm ci" npm ci --no-audit --no-fund --ignore-scripts --fetch-timeout 20000 --fetch-retries 2
finish
