"""A gRPC server without generated code: messages are bytes. Its argument is the port, for HTTP/2 without TLS."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

waiting = 0


def unary(request, context):
    context.set_trailing_metadata((("checksum", str(len(request))), ("blob-bin", b"\x00\xff")))
    return request


def count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def endless(request, context):
    """Goes on until it is cancelled."""
    global waiting
    waiting += 1
    try:
        while context.is_active():
            yield b"tick"
            time.sleep(0.05)
    finally:
        waiting -= 1


def waiters(request, context):
    return str(waiting).encode()


def fail(request, context):
    context.set_trailing_metadata((("reason", "asked"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no “such” thing")


def total(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def chat(requests, context):
    for request in requests:
        yield b"re: " + request


def main():
    server = grpc.server(ThreadPoolExecutor(16))
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Endless": grpc.unary_stream_rpc_method_handler(endless),
        "Waiters": grpc.unary_unary_rpc_method_handler(waiters),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("gate.Test", methods),))
    if server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}") == 0:
        sys.exit("the port is taken")
    server.start()
    server.wait_for_termination()


main()
