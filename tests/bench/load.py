"""Clients that post events to a server as fast as it answers.

`python -m tests.bench.load URL KEY CLIENTS SECONDS BATCH` is a process of its own, so that neither the server
nor the bench shares its interpreter. It prints the number of events that were stored, a second; any other
answer ends it. BATCH is the number of events in a request.
"""

import http.client
import sys
import threading
import time
from urllib.parse import urlsplit

from tests.bench.lambda_requests import kilobyte_body


def post(address: str, key: str, until: float, batch: int, counts: list[int]) -> None:
    """Post events over one connection until the time is up."""
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    path, body, expected = "/v1/events", kilobyte_body(), http.client.CREATED
    if batch > 1:
        path, expected = "/v1/events/batch", http.client.OK
        body = b'{"events":[%s]}' % b",".join([body] * batch)
    stored = 0
    while time.monotonic() < until:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != expected or b'"error"' in answer:
            raise RuntimeError(f"{response.status}: {answer.decode()}")
        stored += batch
    connection.close()
    counts.append(stored)


def main() -> None:
    """Run the clients; print events a second."""
    url, key, clients, seconds, batch = sys.argv[1:]
    counts: list[int] = []
    began = time.monotonic()
    arguments = (urlsplit(url).netloc, key, began + float(seconds), int(batch), counts)
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
