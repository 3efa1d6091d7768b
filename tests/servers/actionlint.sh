#!/usr/bin/env bash
# actionlint, which checks workflows, built from the Go module proxy with the pins and
# digests of actionlint/go.mod and actionlint/go.sum: actionlint.sh [--check]. The
# program is FOLDER/actionlint.
. "$(dirname "$0")/common.sh"

begin actionlint "$here/actionlint/go.mod" "$here/actionlint/go.sum"
require go "actionlint"
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
cd "$here/actionlint"
attempt 120 "the download of actionlint" go mod download github.com/rhysd/actionlint
attempt 900 "go build of actionlint" nice go build -trimpath -o "$folder/actionlint" github.com/rhysd/actionlint/cmd/actionlint
attempt 60 "the start of actionlint" "$folder/actionlint" -version
finish
