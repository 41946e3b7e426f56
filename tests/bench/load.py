"""Clients that post events to a server as fast as it answers.

`python -m tests.bench.load URL KEY CLIENTS SECONDS` is a process of its own, so that neither the server nor
the bench shares its interpreter. It prints the number of events that were answered with a 201, a second; any
other answer ends it.
"""

import http.client
import sys
import threading
import time
from urllib.parse import urlsplit

from tests.bench.lambda_requests import kilobyte_body


def post(address: str, key: str, until: float, counts: list[int]) -> None:
    """Post events over one connection until the time is up."""
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    body = kilobyte_body()
    stored = 0
    while time.monotonic() < until:
        connection.request("POST", "/v1/events", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.CREATED:
            raise RuntimeError(f"{response.status}: {answer.decode()}")
        stored += 1
    connection.close()
    counts.append(stored)


def main() -> None:
    """Run the clients; print events a second."""
    url, key, clients, seconds = sys.argv[1:]
    counts: list[int] = []
    began = time.monotonic()
    arguments = (urlsplit(url).netloc, key, began + float(seconds), counts)
    threads = [threading.Thread(target=post, args=arguments) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) != len(threads):
        sys.exit("a client failed")
    print(sum(counts) / (time.monotonic() - began))


if __name__ == "__main__":
    main()
