"""A shell in front of an emulated AWS, which ends with it: `python -m tests.rehearse`.

Every command works there as on AWS. The account is on loopback, empty at first, and lasts an hour at most. Of
the settings for another account nothing comes in: no variable, and no `triggers.toml`.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile

from tests.support import ministack
from tests.support.cloudformation_gaps import restoring


def main() -> int:
    shell = os.environ.get("SHELL") or shutil.which("sh") or "/bin/sh"
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    foreign = ("AWS_", "TRIGGERS_", "DYNAMODB_")
    for name in [name for name in os.environ if name.startswith(foreign)]:
        del os.environ[name]  # boto3 reads them here, too
    with (
        ministack.running() as emulator,
        restoring(emulator),
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
    ):
        print(
            f"An emulated AWS at {emulator.url}, for this shell: `exit` ends both; an hour does, too.\n"
            "Begin with: triggers doctor --stage prod",
            file=sys.stderr,
        )
        # Ctrl-C is for what runs in the shell. To ignore it would be inherited; a handler is not.
        signal.signal(signal.SIGINT, lambda *_: None)
        variables = os.environ | emulator.variables() | {"PATH": path}
        done = subprocess.run([shell], cwd=folder, env=variables, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
