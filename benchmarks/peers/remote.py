#!/usr/bin/env python3
"""The same requests as remote_bench by the clients that evaluation scripts use: remote.py CLIENT URL REQUESTS CONNECTIONS [BYTES].

CLIENT is openai (pip install openai) or aiohttp (pip install aiohttp). Prints one line of JSON like remote_bench.
"""

import asyncio
import base64
import json
import os
import resource
import sys
import time


def question(number, picture):
    parts = [{"type": "text", "text": f"Question {number}: is there a defect?"}]
    if picture:
        # Encoded for every request, as ours does.
        url = "data:image/png;base64," + base64.b64encode(picture).decode()
        parts.insert(0, {"type": "image_url", "image_url": {"url": url}})
    return [{"role": "user", "content": parts if picture else parts[0]["text"]}]


async def with_openai(url, numbers, picture):
    import openai

    client = openai.AsyncOpenAI(api_key="none", base_url=url + "/v1", max_retries=0)

    async def work():
        for number in numbers:
            reply = await client.chat.completions.create(
                model="mock", messages=question(number, picture), max_tokens=4096, temperature=0, seed=0)
            assert reply.choices[0].message.content.startswith("Yes")
    return work


async def with_aiohttp(url, numbers, picture):
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def work():
        for number in numbers:
            body = {"model": "mock", "messages": question(number, picture), "max_tokens": 4096, "temperature": 0, "seed": 0}
            async with session.post(url + "/v1/chat/completions", json=body) as reply:
                answer = await reply.json()
            assert answer["choices"][0]["message"]["content"].startswith("Yes")
    return work


async def main():
    client, url, count, connections = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    picture = os.urandom(int(sys.argv[5])) if len(sys.argv) > 5 else b""
    make = {"openai": with_openai, "aiohttp": with_aiohttp}[client]
    numbers = iter(range(count))  # shared: each number is asked once
    work = await make(url, numbers, picture)
    used = resource.getrusage(resource.RUSAGE_SELF)
    before, start = used.ru_utime + used.ru_stime, time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = used.ru_utime + used.ru_stime - before
    print(json.dumps({"client": client, "seconds": round(wall, 3), "per_second": round(count / wall),
                      "cores": round(processor / wall, 3), "per_core_second": round(count / processor)}), flush=True)
    os._exit(0)  # no farewell to 64 connections


asyncio.run(main())
