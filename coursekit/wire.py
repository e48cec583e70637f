"""One message of FIPA ACL in the forms that other protocols carry: JSON, Protobuf, CDR.

    as_json(message), from_json(text)              # REST, WebSocket, MQTT, ZeroMQ, GraphQL, MCP, A2A
    as_proto(message), from_proto(its_fields)      # gRPC; the classes are made by protoc while we run
    as_cdr(message), from_cdr(its_fields)          # DDS

Whatever comes back is checked as `acl.read` checks it.   Taught in: notebooks/11_agent_communication.ipynb
"""

import importlib
import json
import re
import sys
import tempfile
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import sequence
from grpc_tools import protoc

from coursekit.acl import LARGEST, ACLError, Message
from coursekit.errors import CourseError

NAMES = tuple(each.name for each in fields(Message))
PROTO = """\
syntax = "proto3";
package talk;

message Message {
  string performative = 1;
  string sender = 2;
  repeated string receiver = 3;
  string content = 4;
  string language = 5;
  string ontology = 6;
  string protocol = 7;
  string conversation_id = 8;
  string reply_with = 9;
  string in_reply_to = 10;
  optional double reply_by = 11;
}

service Agent {
  rpc Tell(Message) returns (Message);                // one message, one answer
  rpc Watch(Message) returns (stream Message);        // subscribe, then many informs
  rpc Converse(stream Message) returns (stream Message);
}
"""


def as_fields(message: Message) -> dict:
    """The filled parts of a message, by name; `receiver` is a list."""
    parts = {name: getattr(message, name) for name in NAMES}
    parts["receiver"] = list(message.receiver)
    return {name: value for name, value in parts.items() if value not in ("", None)}


def from_fields(parts: object) -> Message:
    """The message with these parts. Raises: ACLError for a part that is missing, unknown or no text."""
    if not isinstance(parts, dict):
        raise ACLError(f"a message is an object with names, got {parts!r:.60}")
    if strange := sorted(str(name) for name in parts.keys() - set(NAMES)):
        raise ACLError(f"{', '.join(strange)} is no part of a message; there is {', '.join(NAMES)}")
    if missing := [name for name in NAMES[:3] if name not in parts]:
        raise ACLError(f"the message lacks {', '.join(missing)}")
    for name, value in parts.items():
        texts = value if name == "receiver" and isinstance(value, list | tuple) else [value]
        if name != "reply_by" and not all(map(_is_text, texts)):
            raise ACLError(f"{name} is a text, got {value!r:.60}")
    return Message(**parts)


def _is_text(value: object) -> bool:
    """Half a surrogate pair is none: JSON can name it, but no wire carries it."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def as_json(message: Message) -> str:
    """The filled parts as a JSON object, without spaces.

    >>> as_json(Message("agree", "a", ("b",), "(ok)"))
    '{"performative":"agree","sender":"a","receiver":["b"],"content":"(ok)"}'
    """
    return json.dumps(as_fields(message), separators=(",", ":"), ensure_ascii=False)


def from_json(text: str | bytes) -> Message:
    """The message in a JSON text. Raises: ACLError, also for what is too long or no JSON."""
    if len(text) > LARGEST:
        raise ACLError(f"the message has {len(text):,} characters; at most {LARGEST:,} are taken")
    try:
        return from_fields(json.loads(text))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise ACLError(f"a message in JSON is wanted, got {text[:40]!r}") from error


# ---- Protobuf


@cache
def stubs(name: str, text: str):
    """The two modules that protoc generates from a schema: messages and gRPC stubs; 0.3 s, once.

    A process knows each `name` once, so a changed schema needs another name.   Raises: CourseError.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{name}.proto").write_text(text)
        wanted = [f"-I{folder}", f"--python_out={folder}", f"--grpc_python_out={folder}", f"{name}.proto"]
        if protoc.main(["protoc", *wanted]):
            raise CourseError(f"protoc refused the schema {name}; what it says stands above")
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            return importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")
        finally:
            sys.path.remove(folder)


def talk():
    """The modules of the schema above."""
    return stubs("talk", PROTO)


def as_proto(message: Message):
    return talk()[0].Message(**as_fields(message))


def from_proto(given) -> Message:
    """Raises: ACLError for a message that is none."""
    parts = {name: getattr(given, name) for name in NAMES if name != "reply_by"}
    parts["receiver"] = list(given.receiver)
    return from_fields(parts | ({"reply_by": given.reply_by} if given.HasField("reply_by") else {}))


# ---- CDR, the encoding of DDS: every part has its place, filled or not


@dataclass
class Sample(IdlStruct, typename="talk.Message"):
    """A message as a DDS topic carries it; 0 stands for no `reply_by`."""

    performative: str = ""
    sender: str = ""
    receiver: sequence[str] = field(default_factory=list)
    content: str = ""
    language: str = ""
    ontology: str = ""
    protocol: str = ""
    conversation_id: str = ""
    reply_with: str = ""
    in_reply_to: str = ""
    reply_by: float = 0.0


def as_cdr(message: Message) -> Sample:
    return Sample(**as_fields(message))


def from_cdr(sample: Sample) -> Message:
    parts = {name: getattr(sample, name) for name in NAMES}
    return from_fields(parts | {"receiver": list(sample.receiver), "reply_by": sample.reply_by or None})
