#!/usr/bin/env bash
# A server of packages: packages.sh [--check] npm|pypi.
#   npm   Verdaccio, from npm: FOLDER/node_modules/verdaccio/bin/verdaccio
#   pypi  pypiserver, from PyPI: FOLDER/bin/pypi-server
. "$(dirname "$0")/common.sh"

case "${1:?which packages: npm or pypi}" in
  npm)
    begin packages-npm "$here/packages/npm/package.json" "$here/packages/npm/package-lock.json"
    require node "Verdaccio"
    require npm "Verdaccio"
    cp "$here/packages/npm/package.json" "$here/packages/npm/package-lock.json" "$folder/"
    attempt 600 "npm ci of Verdaccio" npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts
    attempt 60 "the start of Verdaccio" node "$folder/node_modules/verdaccio/bin/verdaccio" --version
    ;;
  pypi)
    begin packages-pypi "$here/packages/pypi.txt"
    require python3 "pypiserver"
    attempt 120 "python3 -m venv" python3 -m venv "$folder"
    attempt 600 "pip install of pypiserver" "$folder/bin/pip" install --quiet --no-input --no-deps \
      --disable-pip-version-check --timeout 20 --retries 2 --requirement "$here/packages/pypi.txt"
    attempt 60 "the start of pypiserver" "$folder/bin/pypi-server" --version
    ;;
  *) unavailable "there are no packages of the kind $1" ;;
esac
finish
