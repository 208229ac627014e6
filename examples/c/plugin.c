// Adds the header x-wasmimg to every response. Its value is the plugin configuration, or hello-c where there is none.
// It needs clang and lld, and no library: the whole ABI of https://github.com/proxy-wasm/spec that it uses is here.
#include <stddef.h>
#include <stdint.h>

#define FROM_HOST(name) __attribute__((import_module("env"), import_name(#name))) uint32_t name
#define TO_HOST(name) __attribute__((export_name(#name)))

enum { OK = 0, CONTINUE = 0, RESPONSE_HEADERS = 2, PLUGIN_CONFIGURATION = 7 };

FROM_HOST(proxy_get_buffer_bytes)(uint32_t buffer, uint32_t start, uint32_t max, const char **data, uint32_t *size);
FROM_HOST(proxy_add_header_map_value)(uint32_t map, const char *key, uint32_t key_size, const char *value,
                                      uint32_t value_size);

static const char *value = "hello-c";
static uint32_t value_size = sizeof "hello-c" - 1;

// The host looks for this export to learn the version of the ABI.
TO_HOST(proxy_abi_version_0_2_1) void abi_version(void) {}

// The host asks for memory before it hands over what the plugin asked for: here, a configuration, and that is kept.
TO_HOST(malloc) void *allocate(uint32_t size) {
  static _Alignas(16) char arena[64 * 1024];
  static uint32_t used;
  if (size > sizeof arena - used) return NULL;
  void *block = arena + used;
  used += (size + 15) & ~15u;
  if (used > sizeof arena) used = sizeof arena;
  return block;
}

TO_HOST(proxy_on_configure) uint32_t configure(uint32_t context, uint32_t size) {
  const char *data;
  uint32_t count;
  if (size > 0 && proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &data, &count) == OK) {
    value = data;
    value_size = count;
  }
  return 1;  // the configuration is accepted
}

TO_HOST(proxy_on_response_headers) uint32_t response_headers(uint32_t context, uint32_t count, uint32_t end) {
  static const char key[] = "x-wasmimg";
  proxy_add_header_map_value(RESPONSE_HEADERS, key, sizeof key - 1, value, value_size);
  return CONTINUE;
}
