"""An application for uvicorn: plain ASGI, with events and WebSockets."""

import asyncio
import hashlib

open_streams = 0


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["path"] == "/events":
        await events(receive, send)
    elif scope["path"] == "/upload":
        await upload(receive, send)
    elif scope["path"] == "/streams":
        await say(send, f"{open_streams}\n")
    elif scope["path"] == "/client":
        await say(send, f"{scope['scheme']} {scope['client'][0]}\n")
    elif scope["path"] == "/":
        await say(send, "uvicorn\n")
    else:
        await say(send, "not here\n", 404)


async def lifespan(receive, send):
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def say(send, text, status=200):
    body = text.encode()
    fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def upload(receive, send):
    digest = hashlib.sha256()
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body = message.get("body", b"")
        digest.update(body)
        length += len(body)
        more = message.get("more_body", False)
    await say(send, f"{length} {digest.hexdigest()}\n")


async def events(receive, send):
    """Has no end of its own: who sees an event has not waited for the last one."""
    global open_streams
    open_streams += 1
    gone = asyncio.create_task(disconnected(receive))
    try:
        fields = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        count = 0
        while not gone.done():
            count += 1
            await send({"type": "http.response.body", "body": f"data: {count}\n\n".encode(), "more_body": True})
            await asyncio.sleep(0.1)
    finally:
        open_streams -= 1
        gone.cancel()


async def disconnected(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def echo(receive, send):
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
        else:
            return
