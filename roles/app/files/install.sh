#!/bin/sh
# Make the environment of a release; arguments: its folder, and its Python, such as 3.11.
set -eu
release=$1
python=$2
cd "$release"
# Behind the requests that another release answers.
renice -n 19 -p $$ > /dev/null

# A step that fails must say so itself: in a condition the shell goes on after it.
link_from() {
  cp -al "$1/venv" venv || return 1
  # sed replaces the files, so that the old release keeps its own.
  grep -lIrF "$1/" venv/bin venv/pyvenv.cfg | xargs -r sed -i "s|$1/|$release/|g" || return 1
  try_packages
}

# Whether the API finds what it begins with.
try_packages() {
  venv/bin/python -c 'import flask, gunicorn, psycopg'
}

# Packages of a release that needs the same ones are linked: quicker, and kept on the disk and in memory once.
link_packages() {
  for old in $(ls -1td /opt/fivebox/releases/*); do
    [ -e "$old/installed" ] && cmp -s "$old/requirements-$python.txt" "requirements-$python.txt" || continue
    link_from "$old" && return 0
    break
  done
  rm -rf venv
  return 1
}

rm -rf venv
if ! link_packages; then
  python3 -m venv venv
  venv/bin/pip install --quiet --no-index --no-deps --require-hashes \
    --find-links "wheels-$python" --requirement "requirements-$python.txt"
  try_packages
fi
venv/bin/python -m compileall -q app
rm -rf wheels-*
# A host that loses its power now must not keep the mark without what it stands for.
sync --file-system .
touch installed
