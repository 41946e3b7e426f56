"""Unexpected texts, for properties of code that must withstand any input."""

from hypothesis import strategies as st

BREAKS = [
    *("\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"),
    *("\r\nX-Injected: yes", "\r\n\r\n<html>", "\nlevel=ERROR message=forged", '"}\n{"level":"ERROR'),
]
"""Line breaks of any kind, and what an attacker would write after them."""

CONTROLS = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x7f", "\b\b\b", "\u202e", "\u200b", "\ufeff"]
"""Terminal controls, and invisible characters."""

_SURROGATES = ["\ud800", "a\udfffb"]
_HUGE = st.builds(
    lambda text, times: text * times,
    st.sampled_from(["x", "é", "\U0001f600", "%00", "../", "[", '{"a":', "\ud800"]),
    st.sampled_from([100, 5000, 100_000]),
)
ODD = st.sampled_from(
    [*BREAKS, *CONTROLS, "../../etc/passwd", "%2e%2e%2f", "{}", "null", "-1", "é", "\u00a0", '"']
)

WILD_TEXTS: st.SearchStrategy[str] = (
    st.text(max_size=8) | ODD | st.sampled_from(_SURROGATES) | st.text(st.characters(), max_size=8) | _HUGE
)
"""Any text, lone surrogates and huge ones included."""
