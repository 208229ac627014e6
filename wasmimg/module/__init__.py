"""The .wasm file: what is it, and would a proxy load it."""
