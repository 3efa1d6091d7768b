#!/usr/bin/env bash
# giftless, a Git LFS server, from PyPI: lfs.sh [--check]. FOLDER/bin/flask serves it.
. "$(dirname "$0")/common.sh"

begin lfs "$here/lfs/requirements.txt"
require python3 "giftless"
attempt 120 "python3 -m venv" python3 -m venv "$folder"
attempt 600 "pip install of giftless" "$folder/bin/pip" install --quiet --no-input --no-deps \
  --disable-pip-version-check --timeout 20 --retries 2 --requirement "$here/lfs/requirements.txt"
attempt 60 "the start of giftless" "$folder/bin/python" -c "import giftless.wsgi_entrypoint"
finish
