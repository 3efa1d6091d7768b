#!/usr/bin/env bash
# Kubo, built from the Go module proxy with the pins and digests of kubo/go.mod and
# kubo/go.sum: kubo.sh [--check]. The program is FOLDER/ipfs.
. "$(dirname "$0")/common.sh"

begin kubo "$here/kubo/go.mod" "$here/kubo/go.sum"
require go "Kubo"
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
cd "$here/kubo"
attempt 120 "the download of Kubo" go mod download github.com/ipfs/kubo
attempt 2400 "go build of Kubo" nice go build -trimpath -o "$folder/ipfs" github.com/ipfs/kubo/cmd/ipfs
attempt 60 "the start of Kubo" "$folder/ipfs" version
finish
