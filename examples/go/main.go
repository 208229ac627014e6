// A plugin that adds the header x-wasmimg to every response. Its value is the plugin configuration, or hello-go where
// there is none. It needs Go 1.24 and no package beyond the standard library.
package main

import "unsafe"

const (
	ok                  = 0
	goOn                = 0
	responseHeaders     = 2
	pluginConfiguration = 7
)

// A string travels as the two numbers that the ABI wants: where it is, and its size.
//
//go:wasmimport env proxy_add_header_map_value
func addHeaderMapValue(where uint32, key, value string) uint32

//go:wasmimport env proxy_get_buffer_bytes
func getBufferBytes(buffer, start, limit uint32, data, size *uint32) uint32

var (
	value = "hello-go"
	// What the host asked memory for last; held here, or the garbage collector would take it.
	handed []byte
)

// The host looks for this export to learn the version of the ABI.
//
//go:wasmexport proxy_abi_version_0_2_1
func abiVersion() {}

// The host asks for memory before it hands over what the plugin asked for.
//
//go:wasmexport proxy_on_memory_allocate
func allocate(size uint32) unsafe.Pointer {
	handed = make([]byte, max(size, 1))
	return unsafe.Pointer(unsafe.SliceData(handed))
}

//go:wasmexport proxy_on_configure
func configure(context, size uint32) uint32 {
	var data, count uint32
	if size > 0 && getBufferBytes(pluginConfiguration, 0, size, &data, &count) == ok {
		value = string(handed[:count])
	}
	return 1 // the configuration is accepted
}

//go:wasmexport proxy_on_response_headers
func onResponseHeaders(context, count, end uint32) uint32 {
	addHeaderMapValue(responseHeaders, "x-wasmimg", value)
	return goOn
}

// Never called, and wanted by the compiler: -buildmode=c-shared makes a library, which a proxy needs.
func main() {}
