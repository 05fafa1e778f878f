"""Many notifications for a running bridge: how fast, how answered, and what a health check waits meanwhile.

    python benchmarks/bridge_load.py --url http://127.0.0.1:9109 --seconds 10 --connections 64
    python benchmarks/bridge_load.py --url http://127.0.0.1:9109 --groups 10000 --connections 32
    python benchmarks/bridge_load.py --url http://127.0.0.1:9109 --groups 1 --alerts 10000

Each notification is a group of its own. The result is a line of JSON; latencies are in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from alerting.testing import alert, webhook

PROBE_SECONDS = 0.02
"""Between two health checks; a loop that is blocked for longer than this is seen."""
PATIENCE_SECONDS = 30.0
MARK = "group-number"


@dataclass(slots=True)
class Result:
    """What was seen so far."""

    latencies: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


def body_of(alerts: int) -> tuple[bytes, bytes]:
    """A notification around the place where its group's number stands, so that making one costs nothing."""
    entries = [alert(f"{MARK}-{number}" if alerts > 1 else MARK) for number in range(alerts)]
    before, _, after = webhook(*entries, group_key="\0").partition(b"\\u0000")
    return before, after


async def exchange(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], head: bytes, content: bytes = b""
) -> int:
    """One request over an open connection; its status."""
    reader, writer = streams
    writer.write(head + content)
    await writer.drain()
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    size = next(int(line[15:]) for line in lines if line.lower().startswith(b"content-length:"))
    await reader.readexactly(size)
    return int(lines[0].split()[1])


async def load(options: argparse.Namespace) -> tuple[Result, float]:
    """All connections at once, until the groups or the time are used up; what was seen, in how long."""
    place = urlsplit(options.url)
    before, after = body_of(options.alerts)
    result = Result()
    numbers = iter(range(options.groups or sys.maxsize))
    ended = asyncio.Event()
    started = time.perf_counter()

    async def connection() -> None:
        streams = await asyncio.open_connection(place.hostname, place.port)
        for number in numbers:
            if options.seconds and time.perf_counter() - started > options.seconds:
                break
            name = f"{options.prefix}{number}".encode()
            content = (before + name + after).replace(MARK.encode(), name)
            head = (
                f"POST /alertmanager HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            ).encode()
            asked = time.perf_counter()
            status = await asyncio.wait_for(exchange(streams, head, content), PATIENCE_SECONDS)
            result.latencies.append(time.perf_counter() - asked)
            result.statuses[status] += 1
        streams[1].close()

    async def probe() -> None:
        streams = await asyncio.open_connection(place.hostname, place.port)
        head = f"GET /healthz HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
        while not ended.is_set():
            asked = time.perf_counter()
            await asyncio.wait_for(exchange(streams, head), PATIENCE_SECONDS)
            result.probes.append(time.perf_counter() - asked)
            await asyncio.sleep(PROBE_SECONDS)
        streams[1].close()

    probing = asyncio.create_task(probe())
    await asyncio.gather(*(connection() for _ in range(options.connections)))
    seconds = time.perf_counter() - started
    ended.set()
    await probing
    return result, seconds


def share(values: list[float], part: float) -> float:
    """The value that such a part of all does not exceed."""
    return round(sorted(values)[min(len(values) - 1, int(part * len(values)))], 4)


def main() -> None:
    """Load a bridge and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--groups", type=int, default=0)
    parser.add_argument("--alerts", type=int, default=1, help="in each notification")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--prefix", default="g", help="of the groups' names")
    options = parser.parse_args()
    if not options.seconds and not options.groups:
        parser.error("found neither --seconds nor --groups, need one")
    result, seconds = asyncio.run(load(options))
    print(
        json.dumps(
            {
                "notifications": len(result.latencies),
                "seconds": round(seconds, 3),
                "per_second": round(len(result.latencies) / seconds, 1),
                "statuses": dict(result.statuses),
                "median": share(result.latencies, 0.5),
                "p99": share(result.latencies, 0.99),
                "slowest": max(result.latencies),
                "slowest_probe": max(result.probes),
            }
        )
    )


if __name__ == "__main__":
    main()
