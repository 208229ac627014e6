//! Adds the header x-wasmimg to every response. Its value is the plugin configuration, or hello-rust where there is
//! none. It needs rustc 1.63 or newer with the target wasm32-unknown-unknown, and no crate.
use std::sync::Mutex;

const OK: u32 = 0;
const CONTINUE: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;

#[link(wasm_import_module = "env")]
extern "C" {
    fn proxy_get_buffer_bytes(buffer: u32, start: u32, max: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

static CONFIGURATION: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The host looks for this export to learn the version of the ABI.
#[no_mangle]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// The host asks for memory before it hands over what the plugin asked for; who asked then owns it.
#[no_mangle]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; size].into_boxed_slice()).cast()
}

#[no_mangle]
pub extern "C" fn proxy_on_configure(_context: u32, size: u32) -> u32 {
    let (mut data, mut count) = (std::ptr::null_mut(), 0);
    if size > 0 && unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &mut data, &mut count) } == OK {
        // The block that proxy_on_memory_allocate made of `count` bytes.
        *CONFIGURATION.lock().unwrap() = unsafe { Vec::from_raw_parts(data, count, count) };
    }
    1 // the configuration is accepted
}

#[no_mangle]
pub extern "C" fn proxy_on_response_headers(_context: u32, _count: u32, _end: u32) -> u32 {
    let configured = CONFIGURATION.lock().unwrap();
    let key = b"x-wasmimg";
    let value: &[u8] = if configured.is_empty() { b"hello-rust" } else { &configured };
    unsafe { proxy_add_header_map_value(RESPONSE_HEADERS, key.as_ptr(), key.len(), value.as_ptr(), value.len()) };
    CONTINUE
}
