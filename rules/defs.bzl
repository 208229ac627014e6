"""Public face of the rules: everything to load comes from here."""

load("//rules/private:image.bzl", _wasm_image = "wasm_image")
load("//rules/private:istio_ecosystem.bzl", _declare_wasm_image_targets = "declare_wasm_image_targets")
load("//rules/private:load.bzl", _wasm_image_load = "wasm_image_load")
load("//rules/private:providers.bzl", _WasmImageInfo = "WasmImageInfo", _WasmimgToolchainInfo = "WasmimgToolchainInfo")
load("//rules/private:push.bzl", _wasm_image_push = "wasm_image_push")
load("//rules/private:test.bzl", _wasm_image_test = "wasm_image_test")
load(
    "//rules/private:toolchain.bzl",
    _current_wasmimg_toolchain = "current_wasmimg_toolchain",
    _wasmimg_toolchain = "wasmimg_toolchain",
)

wasm_image = _wasm_image
wasm_image_push = _wasm_image_push
wasm_image_test = _wasm_image_test
wasm_image_load = _wasm_image_load
declare_wasm_image_targets = _declare_wasm_image_targets
wasmimg_toolchain = _wasmimg_toolchain
current_wasmimg_toolchain = _current_wasmimg_toolchain
WasmImageInfo = _WasmImageInfo
WasmimgToolchainInfo = _WasmimgToolchainInfo
