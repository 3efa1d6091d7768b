#!/usr/bin/env bash
# bazel-remote, a remote cache of Bazel, built from the Go module proxy with the pins and
# digests of bazel-remote/go.mod and bazel-remote/go.sum: bazel-remote.sh [--check]. The
# program is FOLDER/bazel-remote.
. "$(dirname "$0")/common.sh"

begin bazel-remote "$here/bazel-remote/go.mod" "$here/bazel-remote/go.sum"
require go "bazel-remote"
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
cd "$here/bazel-remote"
attempt 300 "the download of bazel-remote" go mod download github.com/buchgr/bazel-remote/v2
attempt 1800 "go build of bazel-remote" nice go build -trimpath -o "$folder/bazel-remote" github.com/buchgr/bazel-remote/v2
attempt 60 "the start of bazel-remote" "$folder/bazel-remote" --help
finish
