"""What runs in the process that is measured: a Lambda runtime in small.

Run as `python -I -S -B probe.py ARTIFACT ENTRY REPLIES`: the artifact and the standard library are on the
path and nothing else, and no bytecode is written, as in Lambda's read-only folder. ENTRY is the module, or
the file, that has `handler`; commands come on stdin, one a line, and replies go to the descriptor REPLIES,
for stdout is the service's log. Only what every service imports anyway is imported here.
"""

import importlib
import importlib.util
import json
import os
import sys
import time
from typing import Any


class Context:
    """What a handler may read of Lambda's context."""

    aws_request_id = "8f1f8f6e-2f0d-4f7e-9a0b-1d2c3b4a5968"
    function_name = "triggers-api-prod"

    def get_remaining_time_in_millis(self) -> int:
        """Return what Lambda would say of a request that has just begun."""
        return 30_000


def load(entry: str) -> Any:
    """Return the handler of a module, or of a file."""
    if not entry.endswith(".py"):
        return importlib.import_module(entry).handler
    spec = importlib.util.spec_from_file_location("entry", entry)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["entry"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


def peak_bytes() -> int:
    """Return the most memory that this process has had, in bytes.

    Not `ru_maxrss`, which on Linux outlives `exec`: it begins with the size of the process that started this.
    """
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib is not everybody's
        (kibibytes,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024


def main() -> None:
    """Serve commands until stdin ends."""
    artifact, entry, descriptor = sys.argv[1:]
    sys.path.insert(0, artifact)
    handler, context = load(entry), Context()
    imported = time.process_time()
    with os.fdopen(int(descriptor), "w") as replies:
        for line in sys.stdin:
            command = json.loads(line)
            event, times = command["event"], command["times"]
            before = time.process_time()
            for _ in range(times):
                answer = handler(event, context)
            after = time.process_time()
            reply = {
                "status": answer["statusCode"],
                "body": answer["body"],
                "cpu_each": (after - before) / times,
                "cpu_imported": imported,
                "cpu_so_far": after,
                "modules": len(sys.modules),
                "peak_bytes": peak_bytes() if command["memory"] else 0,
            }
            print(json.dumps(reply), file=replies, flush=True)


main()
