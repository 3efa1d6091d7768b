#!/usr/bin/env bash
# nats-server, built from the Go module proxy with the pins and digests of nats/go.mod
# and nats/go.sum: nats.sh [--check]. The program is FOLDER/nats-server.
. "$(dirname "$0")/common.sh"

begin nats "$here/nats/go.mod" "$here/nats/go.sum"
require go "nats-server"
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
cd "$here/nats"
attempt 120 "the download of nats-server" go mod download github.com/nats-io/nats-server/v2
attempt 900 "go build of nats-server" nice go build -trimpath -o "$folder/nats-server" github.com/nats-io/nats-server/v2
attempt 60 "the start of nats-server" "$folder/nats-server" --version
finish
