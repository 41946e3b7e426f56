"""Read the stack parameters of a command line."""

from collections.abc import Mapping

from triggers_api.errors import ConfigurationError
from triggers_api.ops.target import Setting


def parse_parameters(texts: list[str], flags: Mapping[str, str | None]) -> dict[str, Setting]:
    """Return the stack parameters of `--parameter` and of the flags that set one.

    Args:
        texts: The values of `--parameter`, each `KEY=VALUE`.
        flags: The values of the flags by the name of their parameter, which is also the flag's name.

    Raises:
        ConfigurationError: A text is not `KEY=VALUE`, or a flag contradicts it.
    """
    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigurationError(
                f"--parameter: {text!r} is not KEY=VALUE.", hint="Write --parameter LogLevel=DEBUG."
            )
        parameters[name] = Setting(value, "--parameter")
    for name, flag_value in flags.items():
        if flag_value is None:
            continue
        flag = f"--{name.lower()}"
        if name in parameters and parameters[name].value != flag_value:
            raise ConfigurationError(
                f"{flag} {flag_value} contradicts --parameter {name}={parameters[name].value}.",
                hint="Use one of them.",
            )
        parameters[name] = Setting(flag_value, flag)
    return parameters
