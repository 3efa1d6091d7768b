#!/usr/bin/env bash
# A virtual environment with one release of py-libp2p: python.sh [--check] VERSION, for
# each version that has a file in python/.
. "$(dirname "$0")/common.sh"

version="${1:?which version of py-libp2p}"
pins="$here/python/libp2p-$version.txt"
[ -f "$pins" ] || unavailable "there is no $pins"
begin "py-libp2p-$version" "$pins"
require python3 "py-libp2p"
attempt 120 "python3 -m venv" python3 -m venv "$folder"
# The pins are complete, so nothing is resolved.
attempt 900 "pip install of py-libp2p $version" "$folder/bin/pip" install --quiet --no-input --no-deps \
  --disable-pip-version-check --timeout 20 --retries 2 --requirement "$pins"
attempt 60 "the import of py-libp2p $version" "$folder/bin/python" -c "import libp2p, trio, cryptography.fernet"
finish
