"""An application for gunicorn: plain WSGI."""

import hashlib
import os
import time
from urllib.parse import parse_qs

NAME = os.environ.get("NAME", "gunicorn")
open_streams = 0


def application(environ, start_response):
    answer = ROUTES.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]), not_here)
    return answer(environ, start_response)


def say(start_response, text, status="200 OK", fields=()):
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *fields])
    return [body]


def not_here(environ, start_response):
    return say(start_response, "not here\n", "404 Not Found")


def index(environ, start_response):
    return say(start_response, f"{NAME}\n")


def streams(environ, start_response):
    return say(start_response, f"{open_streams}\n")


def scheme(environ, start_response):
    return say(start_response, f"{environ['wsgi.url_scheme']} {environ.get('HTTP_X_FORWARDED_FOR')}\n")


def form(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    fields = parse_qs(environ["wsgi.input"].read(length).decode())
    user = fields.get("user", ["nobody"])[0]
    return say(start_response, "", "303 See Other", [("Location", f"/hello?{user}"), ("Set-Cookie", f"user={user}; Path=/")])


def upload(environ, start_response):
    digest = hashlib.sha256()
    length = 0
    while chunk := environ["wsgi.input"].read(1 << 20):
        digest.update(chunk)
        length += len(chunk)
    return say(start_response, f"{length} {digest.hexdigest()}\n")


def events(environ, start_response):
    """Has no end of its own: who sees an event has not waited for the last one."""
    start_response("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")])
    return endless()


def endless():
    global open_streams
    open_streams += 1
    try:
        count = 0
        while True:
            count += 1
            yield f"data: {count}\n\n".encode()
            time.sleep(0.1)
    finally:
        open_streams -= 1


ROUTES = {
    ("GET", "/"): index,
    ("GET", "/events"): events,
    ("GET", "/scheme"): scheme,
    ("GET", "/streams"): streams,
    ("POST", "/form"): form,
    ("POST", "/upload"): upload,
    ("PUT", "/upload"): upload,
}
