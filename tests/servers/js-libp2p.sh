#!/usr/bin/env bash
# The js-libp2p peer with its packages: js-libp2p.sh [--check]. Start `node FOLDER/peer.mjs`.
. "$(dirname "$0")/common.sh"

require node "js-libp2p"
major="$(node --version | sed 's/^v//; s/\..*//')"
[ "$major" -ge 20 ] || unavailable "Node $major is too old for js-libp2p, which needs 20 or later"
begin js-libp2p "$here"/js-libp2p/*
require npm "js-libp2p"
cp "$here"/js-libp2p/* "$folder"
cd "$folder"
# No package of them needs its install script.
attempt 600 "npm ci" npm ci --no-audit --no-fund --ignore-scripts --fetch-timeout 20000 --fetch-retries 2
finish
