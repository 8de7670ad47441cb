"""Calls each method of grpc_server.py and checks what comes back.

Arguments: the address, and for TLS the file of the certificate to trust. Ends with `ok`, or with what was wrong.
"""

import queue
import sys
import time

import grpc


def main(address, certificate=None):
    options = [("grpc.ssl_target_name_override", "localhost")] if certificate else []
    if certificate:
        with open(certificate, "rb") as file:
            channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), options)
    else:
        channel = grpc.insecure_channel(address)
    with channel:
        for check in (unary, large, count, fail, total, chat, deadline, cancelled):
            check(channel)
            print(check.__name__, flush=True)
    print("ok")


def method(channel, kind, name):
    return getattr(channel, kind)(f"/gate.Test/{name}")


def unary(channel):
    answer, call = method(channel, "unary_unary", "Unary").with_call(b"hello", timeout=20)
    trailers = dict(call.trailing_metadata())
    assert answer == b"hello", answer
    assert trailers["checksum"] == "5" and trailers["blob-bin"] == b"\x00\xff", trailers
    assert call.code() == grpc.StatusCode.OK, call.code()


def large(channel):
    message = bytes(range(256)) * 12_000
    assert method(channel, "unary_unary", "Unary")(message, timeout=20) == message


def count(channel):
    numbers = [int(number) for number in method(channel, "unary_stream", "Count")(b"1000", timeout=20)]
    assert numbers == list(range(1000)), numbers[:10]


def fail(channel):
    """An answer of one head and nothing else."""
    try:
        method(channel, "unary_unary", "Fail")(b"", timeout=20)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details() == "no “such” thing", error
        assert dict(error.trailing_metadata())["reason"] == "asked", error
    else:
        raise AssertionError("it did not fail")


def total(channel):
    answer = method(channel, "stream_unary", "Total")(iter([b"x" * 10_000] * 100), timeout=20)
    assert answer == b"1000000", answer


def chat(channel):
    """Each message waits for the answer to the one before it: nothing may be held back on the way."""
    words = queue.Queue()
    answers = method(channel, "stream_stream", "Chat")(iter(words.get, None), timeout=20)
    for word in (b"one", b"two", b"three"):
        words.put(word)
        assert next(answers) == b"re: " + word
    words.put(None)
    assert list(answers) == []


def deadline(channel):
    try:
        list(method(channel, "unary_stream", "Endless")(b"", timeout=0.5))
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    else:
        raise AssertionError("it ended by itself")
    nobody_waits(channel)


def cancelled(channel):
    ticks = method(channel, "unary_stream", "Endless")(b"", timeout=20)
    assert next(ticks) == b"tick"
    ticks.cancel()
    nobody_waits(channel)


def nobody_waits(channel):
    """The server is told that its client has gone."""
    end = time.monotonic() + 20
    while method(channel, "unary_unary", "Waiters")(b"", timeout=20) != b"0":
        assert time.monotonic() < end, "the server was not told"
        time.sleep(0.05)


main(*sys.argv[1:])
