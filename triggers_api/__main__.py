"""`python -m triggers_api` is the command `triggers`."""

from triggers_api.cli.main import main

main()
