"""Personal data and secrets that have a form: found by a pattern and, where there is one, a check.

    find_personal("write to ada@example.com")     # [(9, 24, "email")]
    redacted(messages)                            # a copy, however deep they are nested

Names and places have no form and are not found. Precision and recall on a marked set: notebooks/07.
Taught in: notebooks/07_llm_production.ipynb
"""

import contextlib
import re
from ipaddress import ip_address


def luhn(digits: str) -> bool:
    """Do they end in the right check digit? Source: H. P. Luhn, US patent 2,950,048 (1960).

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    plain = sum(int(digit) for digit in digits[::-2])
    doubled = sum(2 * int(digit) - 9 * (int(digit) > 4) for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0


def is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return digits[0] in "3456" and luhn(digits)


def is_address(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ip_address(text))
    return False


def is_phone(text: str) -> bool:
    return 8 <= len(re.sub(r"\D", "", text)) <= 15


KINDS = {  # in this order: what one has taken, no later one gets
    "email": (r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}(?![\w:])", bool),
    "key": (r"\b(?:sk|pk|ak)[-_](?=[\w-]{0,99}\d)[\w-]{16,}|\bAKIA[A-Z0-9]{16}\b", bool),
    "card": (r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])", is_card),
    "ssn": (r"(?<![\d-])(?!000|666|9)\d{3}([ -])(?!00)\d\d\1(?!0000)\d{4}(?![\d-])"
            r"|(?<=SSN )\d{9}\b", bool),
    "ip": (r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)|[\da-f:]*:[\da-f]*:[\da-f:]+)", is_address),
    "phone": (r"(?:(?<![\w+-])\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?!\d))"
              r"|(?:(?<![\w.-])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d-]))", is_phone),
}  # fmt: skip


def find_personal(text: str) -> list[tuple[int, int, str]]:
    """(start, end, kind) of what looks like personal data or a secret, from left to right.

    >>> find_personal("card 4111-1111-1111-1111, order 4111-1111-1111-1112")
    [(5, 24, 'card')]
    """
    taken = []
    for kind, (pattern, good) in KINDS.items():
        for found in re.finditer(pattern, text):
            start, end = found.span()
            if good(found[0]) and all(end <= a or b <= start for a, b, _ in taken):
                taken.append((start, end, kind))
    return sorted(taken)


def redact(text: str) -> str:
    """
    >>> redact("write to ada@example.com")
    'write to [email]'
    """
    for start, end, kind in reversed(find_personal(text)):
        text = f"{text[:start]}[{kind}]{text[end:]}"
    return text


def redacted(value: object) -> object:
    """A copy without what `find_personal` finds, however deep it lies."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redacted(each) for each in value]
    if isinstance(value, dict):
        return {name: redacted(each) for name, each in value.items()}
    return value
