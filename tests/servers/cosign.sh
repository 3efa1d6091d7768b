#!/usr/bin/env bash
# cosign, which signs artifacts in registries, built from the Go module proxy with the pins
# and digests of cosign/go.mod and cosign/go.sum: cosign.sh [--check]. The program is
# FOLDER/cosign.
. "$(dirname "$0")/common.sh"

begin cosign "$here/cosign/go.mod" "$here/cosign/go.sum"
require go "cosign"
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
cd "$here/cosign"
attempt 300 "the download of cosign" go mod download github.com/sigstore/cosign/v2
attempt 2400 "go build of cosign" nice go build -trimpath -o "$folder/cosign" github.com/sigstore/cosign/v2/cmd/cosign
attempt 60 "the start of cosign" "$folder/cosign" version
finish
