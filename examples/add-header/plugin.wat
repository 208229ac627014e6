;; Adds the header "x-wasmimg: hello-wat" to every response: a whole Proxy-Wasm plugin.
;; Assemble it with wabt: wat2wasm plugin.wat -o plugin.wasm
(module
  ;; proxy_add_header_map_value(map, key, key_size, value, value_size)
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 16) "x-wasmimghello-wat")
  ;; The host looks for this export to learn the version of the ABI.
  (func (export "proxy_abi_version_0_2_1"))
  ;; The host asks for memory before it hands over values; this plugin reads none of them.
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  ;; Map 2 is the response headers; 0 means: go on.
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $add (i32.const 2) (i32.const 16) (i32.const 9) (i32.const 25) (i32.const 9))) (i32.const 0)))
