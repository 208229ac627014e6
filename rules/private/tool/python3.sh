#!/bin/sh
# An action has no PATH, and sh knows where to look for python3 without one.
exec python3 -I -S -B "$@"
