"""The version, as a constant: to ask the package's metadata for it costs a cold start milliseconds."""

VERSION = "0.1.0"
