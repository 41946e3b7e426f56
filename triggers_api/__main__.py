"""`python -m triggers_api` is the command `triggers`."""

from triggers_api.cli.entry import main

main()
