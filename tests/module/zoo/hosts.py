"""The functions and callbacks of Envoy 1.40, as its own messages give them: independent of wasmimg's table.

A type is parameters, ``>`` and results; i is i32, I is i64.
"""

from __future__ import annotations

__all__ = ["ABIS", "BY_ABI", "CALLBACKS", "CALLBACKS_BY_ABI", "FUNCTIONS", "WASI", "WASI_MODULES"]

ABIS = ("0_1_0", "0_2_0", "0_2_1")
WASI_MODULES = ("wasi_snapshot_preview1", "wasi_unstable")


def _read(text: str, prefix: str = "") -> dict[str, str]:
    return {prefix + name: type_ for name, type_ in (word.split(":") for word in text.split())}


# In the module env, for all ABIs.
FUNCTIONS = {
    **_read(
        """log:iii>i get_status:iii>i set_property:iiii>i get_property:iiii>i send_local_response:iiiiiiii>i
        get_shared_data:iiiii>i set_shared_data:iiiii>i register_shared_queue:iii>i resolve_shared_queue:iiiii>i
        dequeue_shared_queue:iii>i enqueue_shared_queue:iii>i get_header_map_value:iiiii>i add_header_map_value:iiiii>i
        replace_header_map_value:iiiii>i remove_header_map_value:iii>i get_header_map_pairs:iii>i
        set_header_map_pairs:iii>i get_header_map_size:ii>i get_buffer_status:iii>i get_buffer_bytes:iiiii>i
        set_buffer_bytes:iiiii>i http_call:iiiiiiiiii>i grpc_call:iiiiiiiiiiii>i grpc_stream:iiiiiiiii>i grpc_close:i>i
        grpc_cancel:i>i grpc_send:iiii>i set_tick_period_milliseconds:i>i get_current_time_nanoseconds:i>i
        define_metric:iiii>i increment_metric:iI>i record_metric:iI>i get_metric:ii>i set_effective_context:i>i done:>i
        call_foreign_function:iiiiii>i""",
        "proxy_",
    ),
    **_read("pthread_equal:ii>i emscripten_notify_memory_growth:i> envoy_resolve_dns:iii>i"),
}
BY_ABI = {
    "0_1_0": _read("get_configuration:ii>i continue_request:>i continue_response:>i clear_route_cache:>i", "proxy_"),
    "0_2_0": _read("continue_stream:i>i close_stream:i>i", "proxy_"),
    "0_2_1": _read("continue_stream:i>i close_stream:i>i get_log_level:i>i", "proxy_"),
}
WASI = _read(
    """args_get:ii>i args_sizes_get:ii>i clock_time_get:iIi>i environ_get:ii>i environ_sizes_get:ii>i fd_close:i>i
    fd_fdstat_get:ii>i fd_read:iiii>i fd_seek:iIii>i fd_write:iiii>i proc_exit:i> random_get:ii>i fd_prestat_get:ii>i
    fd_prestat_dir_name:iii>i path_open:iiiiiIIii>i fd_fdstat_set_flags:ii>i poll_oneoff:iiii>i sched_yield:>i
    clock_res_get:ii>i fd_advise:iIIi>i fd_allocate:iII>i fd_datasync:i>i fd_fdstat_set_rights:iII>i
    fd_filestat_get:ii>i fd_filestat_set_size:iI>i fd_filestat_set_times:iIIi>i fd_pread:iiiIi>i fd_pwrite:iiiIi>i
    fd_readdir:iiiIi>i fd_renumber:ii>i fd_sync:i>i fd_tell:ii>i path_create_directory:iii>i path_filestat_get:iiiii>i
    path_filestat_set_times:iiiiIIi>i path_link:iiiiii>i path_readlink:iiiiii>i path_remove_directory:iii>i
    path_rename:iiiiii>i path_symlink:iiii>i path_unlink_file:iii>i sock_accept:iii>i sock_recv:iiiiii>i
    sock_send:iiiii>i sock_shutdown:ii>i"""
)
CALLBACKS = _read(
    """on_vm_start:ii>i on_configure:ii>i validate_configuration:ii>i on_context_create:ii> on_tick:i> on_log:i>
    on_done:i>i on_delete:i> on_new_connection:i>i on_downstream_data:iii>i on_upstream_data:iii>i
    on_downstream_connection_close:ii> on_upstream_connection_close:ii> on_request_body:iii>i on_request_trailers:ii>i
    on_request_metadata:ii>i on_response_body:iii>i on_response_trailers:ii>i on_response_metadata:ii>i
    on_http_call_response:iiiii> on_grpc_receive:iii> on_grpc_close:iii> on_grpc_receive_initial_metadata:iii>
    on_grpc_receive_trailing_metadata:iii> on_queue_ready:ii>""",
    "proxy_",
)
_NEW = _read("on_request_headers:iii>i on_response_headers:iii>i on_foreign_function:iii>", "proxy_")
CALLBACKS_BY_ABI = {
    "0_1_0": _read("on_request_headers:ii>i on_response_headers:ii>i", "proxy_"),
    "0_2_0": _NEW,
    "0_2_1": _NEW,
}
