#!/bin/sh
# Makes an image and loads it into docker's store.
set -eu
case $0 in /*) script=$0 ;; *) script=$PWD/$0 ;; esac
runfiles=${RUNFILES_DIR:-$script.runfiles}
export RUNFILES_DIR="$runfiles"
cd "${BUILD_WORKING_DIRECTORY:-.}"
exec "$runfiles"/{TOOL} build {ARGUMENTS} --tag {REFERENCE} --load "$@" "$runfiles"/{MODULE}
