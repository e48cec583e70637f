"""What may follow what: FIPA's interaction protocols as tables, and conversations that keep to them.

    talk = Conversation.of(call)      # by the protocol that the first message names
    talk.see(call), talk.see(offer)   # a message that the protocol does not allow is refused

Sources: FIPA SC00026H (request), SC00027H (query), SC00029H (contract net), SC00030H (iterated contract net),
SC00035H (subscribe), all 2002.   Taught in: notebooks/11_agent_communication.ipynb
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from coursekit.acl import ACLError, Message

# state -> "> act" of the initiator or "< act" of a participant -> next state; no moves: an end.
_NET = {
    "start": {"> cfp": "called"},
    "called": {"< propose": "proposed", "< refuse": "refused"},
    "proposed": {"> accept-proposal": "accepted", "> reject-proposal": "rejected"},
    "accepted": {"< inform": "done", "< failure": "failed"},
}
_ASKED = {"< agree": "agreed", "< refuse": "refused", "< inform": "done", "< failure": "failed"}
_AGREED = {"< inform": "done", "< failure": "failed"}
PROTOCOLS = {
    "fipa-request": {"start": {"> request": "asked"}, "asked": _ASKED, "agreed": _AGREED},
    "fipa-query": {
        "start": {"> query-if": "asked", "> query-ref": "asked"},
        "asked": _ASKED,
        "agreed": _AGREED,
    },
    "fipa-subscribe": {
        "start": {"> subscribe": "asked"},
        "asked": {"< agree": "agreed", "< refuse": "refused", "< inform": "agreed", "< failure": "failed"},
        "agreed": {"< inform": "agreed", "< failure": "failed"},
    },
    "fipa-contract-net": _NET,
    "fipa-iterated-contract-net": _NET | {"proposed": _NET["proposed"] | {"> cfp": "called"}},
}


@dataclass
class Conversation:
    """Where an initiator stands with each participant; `see` takes the next message or refuses it."""

    protocol: str
    conversation_id: str
    initiator: str
    states: dict[str, str]
    log: list[Message] = field(default_factory=list)

    @classmethod
    def of(cls, first: Message) -> "Conversation":
        """The conversation that a first message opens; `see` it next. Raises: ACLError, protocol unknown."""
        if first.protocol not in PROTOCOLS:
            raise ACLError(f"no protocol is called {first.protocol!r}; there is {', '.join(PROTOCOLS)}")
        starts = dict.fromkeys(first.receiver, "start")
        return cls(first.protocol, first.conversation_id, first.sender, starts)

    @property
    def over(self) -> bool:
        """Has every participant reached an end?"""
        return all(not self.moves(participant) for participant in self.states)

    def moves(self, participant: str) -> dict[str, str]:
        """What may come next with this participant: "> act" or "< act" -> the state after it."""
        state = self.states[participant]
        if state == "cancelling":
            return {"< inform": "cancelled", "< failure": "failed"}
        moves = PROTOCOLS[self.protocol].get(state, {})
        always = {"> cancel": "cancelling", "< not-understood": "not understood"}
        return moves | always if moves and state != "start" else moves

    def see(self, message: Message) -> Message:
        """Take a message and move on; for all its receivers or for none. Raises: ACLError."""
        if (message.protocol, message.conversation_id) != (self.protocol, self.conversation_id):
            named = f"{message.protocol!r} {message.conversation_id!r}"
            raise ACLError(f"{named} is another conversation than {self.protocol!r} {self.conversation_id!r}")
        mine = message.sender == self.initiator
        partners: Iterable[str] = message.receiver if mine else (message.sender,)
        if not mine and message.receiver != (self.initiator,):
            raise ACLError(f"{message.sender} answers {', '.join(message.receiver)}, not {self.initiator}")
        act, after = f"{'>' if mine else '<'} {message.performative}", {}
        for partner in partners:
            if partner not in self.states:
                raise ACLError(f"{partner!r} takes no part in {self.conversation_id!r}")
            moves = self.moves(partner)
            if act not in moves:
                wanted = ", ".join(moves) or "nothing more"
                raise ACLError(
                    f"{act!r} is not allowed: with {partner}, {self.states[partner]}, may come {wanted}"
                )
            after[partner] = moves[act]
        self.states |= after
        self.log.append(message)
        return message
