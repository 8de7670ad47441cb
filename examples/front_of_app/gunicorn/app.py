"""A greeting, and a clock that ticks in the browser: plain WSGI."""

import html
import time
from urllib.parse import parse_qs

PAGE = """<!doctype html><link rel="stylesheet" href="/static/style.css"><title>gunicorn</title>
<form>Your name: <input name="name" value="{name}"></form>
<p>Hello, {name}. It is <span id="clock">…</span>.
<script>
  new EventSource("/clock").onmessage = (event) => document.querySelector("#clock").textContent = event.data
</script>
"""


def application(environ, start_response):
    match environ["PATH_INFO"]:
        case "/":
            name = parse_qs(environ["QUERY_STRING"]).get("name", ["stranger"])[0]
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [PAGE.format(name=html.escape(name)).encode()]
        case "/clock":
            start_response("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")])
            return clock()
        case _:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not here\n"]


def clock():
    while True:
        yield time.strftime("data: %H:%M:%S\n\n").encode()
        time.sleep(1)
