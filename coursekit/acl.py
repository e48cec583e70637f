"""What agents say to each other: messages of FIPA ACL, to the wire and back.

    call = Message("cfp", "manager", ("r1", "r2"), "(deliver parcel-1)", reply_with="m1")
    offer = read(write(call)).reply("propose", "r1", "(cost 7)")

Sources: FIPA SC00037J (acts), SC00061G (message), SC00070I (string form), all 2002. What may follow what
stands in `coursekit.conversations`.   Taught in: notebooks/11_agent_communication.ipynb
"""

import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from coursekit.errors import CourseError

PERFORMATIVES = (
    "accept-proposal", "agree", "cancel", "cfp", "confirm", "disconfirm", "failure", "inform", "inform-if",
    "inform-ref", "not-understood", "propagate", "propose", "proxy", "query-if", "query-ref", "refuse",
    "reject-proposal", "request", "request-when", "request-whenever", "subscribe",
)  # fmt: skip
LARGEST, DEEPEST = 64_000, 12  # characters of a message, brackets inside each other
END_OF_TIME = 253_402_300_799  # the last second of the year 9999


class ACLError(CourseError):
    """A message that is not one, or that its conversation does not allow; the text says which and why."""


@dataclass(frozen=True)
class Message:
    """`sender` does `performative` towards every `receiver`, by saying `content` in a `language`.

    reply_by: seconds of a clock that all share; on the wire it is UTC.   Raises: ACLError for an act that
    FIPA does not know, if nobody is named as sender or receiver, or for a `reply_by` that is no moment.
    """

    performative: str
    sender: str
    receiver: tuple[str, ...]
    content: str = ""
    language: str = ""
    ontology: str = ""
    protocol: str = ""
    conversation_id: str = ""
    reply_with: str = ""
    in_reply_to: str = ""
    reply_by: float | None = None

    def __post_init__(self) -> None:
        if self.performative not in PERFORMATIVES:
            near = sorted(act for act in PERFORMATIVES if act.startswith(self.performative[:4]))
            advice = ", ".join(near or sorted(PERFORMATIVES))
            raise ACLError(f"{self.performative!r} is no act of FIPA; there is {advice}")
        receivers = (self.receiver,) if isinstance(self.receiver, str) else tuple(self.receiver)
        object.__setattr__(self, "receiver", receivers)
        if not self.sender or not receivers or not all(receivers):
            raise ACLError(
                f"{self.performative} needs a sender and a receiver; got {self.sender!r}, {receivers}"
            )
        by = self.reply_by
        if by is not None and (type(by) not in (int, float) or not 0 <= by <= END_OF_TIME):
            raise ACLError(f"reply_by is a number of seconds from 0 to the year 9999, got {by!r:.40}")

    def reply(self, performative: str, sender: str, content: str = "", **more) -> "Message":
        """An answer in the same conversation, about this message."""
        kept = {"language", "ontology", "protocol", "conversation_id"}
        kept = {name: getattr(self, name) for name in kept}
        answer = kept | {"in_reply_to": self.reply_with} | more
        return Message(performative, sender, (self.sender,), content, **answer)


# ---- the string form: (inform :sender (agent-identifier :name a) … :content "…")

_TOKEN = re.compile(r'\s*(?:(?P<bracket>[()])|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()"]+))', re.DOTALL)
_WORD = re.compile(r'[^\s()":#0-9-][^\s()"]*')


def write(message: Message) -> str:
    """The message in FIPA's string form.

    >>> write(Message("agree", "a", ("b",), "(ok)"))
    '(agree :sender (agent-identifier :name a) :receiver (set (agent-identifier :name b)) :content "(ok)")'
    """
    said = [f"({message.performative}", ":sender", _agent(message.sender)]
    said += [":receiver", f"(set {' '.join(map(_agent, message.receiver))})"]
    for each in fields(message)[3:]:
        if (value := getattr(message, each.name)) not in ("", None):
            said += [":" + each.name.replace("_", "-"), _value(each.name, value)]
    return " ".join(said) + ")"


def read(text: str) -> Message:
    """The message that a text in string form holds. Raises: ACLError, which says what is wrong and where."""
    if len(text) > LARGEST:
        raise ACLError(f"the message has {len(text):,} characters; at most {LARGEST:,} are taken")
    tree = expression(text)
    if not tree or not all(
        isinstance(tree[i], str) and tree[i].startswith(":") for i in range(1, len(tree), 2)
    ):
        raise ACLError(f"a message reads (act :name value :name value …), got {text[:60]!r}")
    if len(tree) % 2 == 0:
        raise ACLError(f"{tree[-1]} has no value in {text[:60]!r}")
    given = dict(zip(tree[1::2], tree[2::2], strict=True))
    if len(given) < len(tree) // 2:
        raise ACLError(f"a name stands twice in {text[:60]!r}")
    names = {":" + each.name.replace("_", "-"): each.name for each in fields(Message)[1:]}
    if strange := sorted(given.keys() - names.keys()):
        raise ACLError(f"{', '.join(strange)} is no part of a message; there is {', '.join(names)}")
    parts = {names[name]: value for name, value in given.items()}
    parts["sender"] = _name(parts.get("sender"))
    receivers = parts.get("receiver")
    if not isinstance(receivers, list) or receivers[:1] != ["set"]:
        raise ACLError(f"the receiver is a (set …) of agents, got {receivers!r}")
    parts["receiver"] = tuple(map(_name, receivers[1:]))
    if "reply_by" in parts:
        parts["reply_by"] = _seconds(parts["reply_by"])
    for name, value in parts.items():
        if name != "receiver" and isinstance(value, list):
            raise ACLError(f":{name} is one word or one text, got brackets: {value!r}")
    return Message(str(tree[0]), **parts)


def expression(text: str) -> list:
    """Brackets as lists, words and texts as strings. Raises: ACLError if brackets or quotes do not match.

    >>> expression('(price (book "War and Peace") 12)')
    ['price', ['book', 'War and Peace'], '12']
    """
    stack, at, end = [[]], 0, len(text.rstrip())
    while at < end:
        if not (token := _TOKEN.match(text, at)):
            raise ACLError(f"a text does not end: {text[at : at + 40]!r}")
        at = token.end()
        if token["bracket"] == "(":
            stack.append([])
            if len(stack) > DEEPEST + 1:
                raise ACLError(f"more than {DEEPEST} brackets inside each other at character {at}")
        elif token["bracket"] == ")":
            if len(stack) == 1:
                raise ACLError(f"a bracket closes at character {at} that was never opened")
            closed = stack.pop()
            stack[-1].append(closed)
        else:
            quoted = token["text"]
            stack[-1].append(
                token["word"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            )
    if len(stack) > 1 or len(stack[0]) != 1 or not isinstance(stack[0][0], list):
        raise ACLError(f"one bracketed expression is wanted, got {text[:60]!r}")
    return stack[0][0]


def _agent(name: str) -> str:
    return f"(agent-identifier :name {_word(name)})"


def _name(tree: object) -> str:
    if isinstance(tree, list) and tree[:2] == ["agent-identifier", ":name"] and len(tree) == 3:
        return str(tree[2])
    raise ACLError(f"an agent reads (agent-identifier :name …), got {tree!r}")


def _word(value: str) -> str:
    return value if _WORD.fullmatch(value) else _quoted(value)


def _value(name: str, value) -> str:
    return _quoted(value) if name == "content" else _moment(value) if name == "reply_by" else _word(value)


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _moment(seconds: float) -> str:
    whole, rest = divmod(round(seconds * 1000), 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y%m%dT%H%M%S}{rest:03}Z"


def _seconds(word: object) -> float:
    if not isinstance(word, str) or not re.fullmatch(r"\d{8}T\d{9}Z", word):
        raise ACLError(f"reply-by reads 20261128T120500000Z, got {word!r}")
    try:
        whole = datetime.strptime(word[:15] + "+0000", "%Y%m%dT%H%M%S%z")
    except ValueError:
        raise ACLError(f"reply-by names no moment: {word!r}") from None
    return (1000 * int(whole.timestamp()) + int(word[15:18])) / 1000  # 4.637, not 4 + 0.637
