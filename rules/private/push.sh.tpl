#!/bin/sh
# Pushes an image.
set -eu
label={LABEL}
repository={REPOSITORY}
tags={TAGS}
newline='
'

fail() {
  printf 'error: %s: %s\n  try: %s\n' "$label" "$1" "$2" >&2
  exit 2
}

case $0 in /*) script=$0 ;; *) script=$PWD/$0 ;; esac
runfiles=${RUNFILES_DIR:-$script.runfiles}
export RUNFILES_DIR="$runfiles"

# The value of key $1 in the workspace status.
status_of() {
  set -- "$1" {STATUS}
  wanted=$1
  shift
  for file in "$@"; do
    while IFS=' ' read -r key value; do
      [ "$key" != "$wanted" ] || { printf %s "$value"; return; }
    done <"$runfiles/$file"
  done
  return 1
}

# $1 with each {KEY} replaced by its value.
filled() {
  text=$1 done=
  while :; do
    case $text in
      *'$('*) fail "$text is not filled in" "bazel run --define NAME=VALUE, for the NAME in it" ;;
      *'{'*'}'*) ;;
      *) break ;;
    esac
    rest=${text#*'{'}
    key=${rest%%'}'*}
    value=$(status_of "$key") || fail "{$key} is not filled in" \
      "bazel run --stamp, with a --workspace_status_command that prints $key VALUE"
    done=$done${text%%'{'*}$value
    text=${rest#*'}'}
  done
  printf %s "$done$text"
}

# Tags and the repository are taken from the arguments; the others are put back at the end.
count=$#
while [ "$count" -gt 0 ]; do
  word=$1
  shift
  count=$((count - 1))
  case $word in
    -t | --tag | -r | --repository)
      [ "$count" -gt 0 ] || fail "$word wants a value" "$word VALUE"
      value=$1
      shift
      count=$((count - 1))
      ;;
    --tag=* | --repository=*) value=${word#*=} ;;
    *)
      set -- "$@" "$word"
      continue
      ;;
  esac
  case $word in
    -t | --tag*) tags="$tags${tags:+$newline}$value" ;;
    *) repository=$value ;;
  esac
done

[ -n "$tags" ] || fail "there is no tag to push" "add remote_tags, or bazel run ... -- --tag TAG"
repository=$(filled "$repository") || exit 2
IFS=$newline
set -f
for tag in $tags; do
  tag=$(filled "$tag") || exit 2
  set -- "$@" "$repository:$tag"
done
cd "${BUILD_WORKING_DIRECTORY:-.}"
exec "$runfiles"/{TOOL} push {ARGUMENTS} {KIND}:"$runfiles"/{IMAGE} "$@"
