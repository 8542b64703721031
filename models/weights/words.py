"""Text from outside made fit to be shown: one line, short, nothing that a terminal or a page would obey."""

from __future__ import annotations

LONGEST = 160
LONGEST_SENTENCE = 590
CUT = " ... "


def shown(text: object, longest: int = LONGEST) -> str:
    """`text` on one line of at most `longest` characters; what cannot be printed is written out (`\\x1b`, `\\ud800`).

    Of longer text the beginning and the end stay, for a path says most at its end.
    """
    whole = str(text)
    if len(whole) > 4 * longest:  # before anything looks at each of a million characters
        whole = whole[: 2 * longest] + CUT + whole[-2 * longest :]
    line = " ".join(whole.split())
    line = line if line.isprintable() else "".join(_written(letter) for letter in line)
    if len(line) <= longest:
        return line
    tail = (longest - len(CUT)) // 2
    return line[: longest - len(CUT) - tail] + CUT + line[-tail:]


def reason(error: BaseException) -> str:
    """An error's own words for the inside of a sentence, or its name when it has none."""
    return shown(error).rstrip(".") or type(error).__name__


def _written(letter: str) -> str:
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
