#!/bin/sh
# Says what consumers make of an image.
set -eu
runfiles=${RUNFILES_DIR:-${TEST_SRCDIR:-$0.runfiles}}
export RUNFILES_DIR="$runfiles"
exec "$runfiles"/{TOOL} verify {KIND}:"$runfiles"/{IMAGE} {ARGUMENTS} "$@"
