// Adds the header x-wasmimg to every response. Its value is the plugin configuration, or hello-as where there is none.
// It needs the compiler from npm, and no SDK.

const OK: u32 = 0;
const CONTINUE: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;

@external("env", "proxy_get_buffer_bytes")
declare function getBufferBytes(buffer: u32, start: u32, max: u32, data: usize, size: usize): u32;
@external("env", "proxy_add_header_map_value")
declare function addHeaderMapValue(map: u32, key: ArrayBuffer, keySize: u32, value: usize, valueSize: u32): u32;

// Nothing of these is ever freed: --runtime stub has no garbage collector.
const key = String.UTF8.encode("x-wasmimg");
const preset = String.UTF8.encode("hello-as");
let value = changetype<usize>(preset);
let valueSize: u32 = preset.byteLength;

// The host looks for this export to learn the version of the ABI.
export function proxy_abi_version_0_2_1(): void {}

// The host asks for memory before it hands over what the plugin asked for.
export function proxy_on_memory_allocate(size: usize): usize {
  return heap.alloc(size);
}

export function proxy_on_configure(context: u32, size: u32): u32 {
  const answer = memory.data(8); // where the host writes the address and the size
  if (size > 0 && getBufferBytes(PLUGIN_CONFIGURATION, 0, size, answer, answer + 4) == OK) {
    value = load<usize>(answer);
    valueSize = load<u32>(answer, 4);
  }
  return 1; // the configuration is accepted
}

export function proxy_on_response_headers(context: u32, count: u32, end: u32): u32 {
  addHeaderMapValue(RESPONSE_HEADERS, key, key.byteLength, value, valueSize);
  return CONTINUE;
}
