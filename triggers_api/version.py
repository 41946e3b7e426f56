"""The version, as a constant: reading the metadata of the package would cost a cold start milliseconds."""

VERSION = "0.1.0"

VERSION_LINE = f"triggers {VERSION}"
"""The output of `triggers --version`."""
