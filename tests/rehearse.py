"""A shell in front of an emulated AWS, which ends with it: `python -m tests.rehearse`.

Every command works there as on AWS. The account is on loopback, empty at first, and lasts an hour at most.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig

from tests.support import ministack
from tests.support.cloudformation_gaps import restoring


def main() -> int:
    shell = os.environ.get("SHELL") or shutil.which("sh") or "/bin/sh"
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    with ministack.running() as emulator, restoring(emulator):
        print(f"An emulated AWS at {emulator.url}, for this shell: `exit` ends both.", file=sys.stderr)
        # Ctrl-C is for what runs in the shell. To ignore it would be inherited; a handler is not.
        signal.signal(signal.SIGINT, lambda *_: None)
        done = subprocess.run([shell], env=os.environ | emulator.variables() | {"PATH": path}, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
