#!/usr/bin/env bash
# mdBook, which makes the guide, from PyPI with the pin and digest of
# mdbook/requirements.txt: mdbook.sh [--check]. The program is FOLDER/bin/mdbook.
. "$(dirname "$0")/common.sh"

begin mdbook "$here/mdbook/requirements.txt"
require python3 "the packed mdBook"
attempt 120 "python3 -m venv" python3 -m venv "$folder"
attempt 300 "pip install of mdBook" "$folder/bin/pip" install --quiet --no-input --no-deps --require-hashes \
  --disable-pip-version-check --timeout 20 --retries 2 --requirement "$here/mdbook/requirements.txt"
attempt 60 "the start of mdBook" "$folder/bin/mdbook" --version
finish
