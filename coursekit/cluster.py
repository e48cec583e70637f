"""A cluster to look into: nodes on a circle, their logs, messages on their way, and faults by a click.

Everything shown was computed beforehand: a story is the list of frames of a `coursekit.trace.Trace`. A click
on a node or a link does not compute, it chooses the story in which that node crashes or that link is cut. So
the same widget works in a page without a kernel. A story that begins like its parent stores only the rest.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import anywidget
import traitlets

from coursekit.widgets import CSS, STATIC
from coursekit.world import FAULTS

MOST_BYTES = 150_000
Frame = dict  # as `coursekit.trace.frame` makes it


class Story(NamedTuple):
    """Frames under a name. of, click: chosen by a click on "n1" or "n1-n2" in the story `of`."""

    name: str
    about: str
    frames: list[Frame]
    of: str = ""
    click: str = ""


class ClusterView(anywidget.AnyWidget):
    """Stories of one cluster, to step through and to branch off by a click.

    stories: those without `of` stand in the menu, the others behind a click.
    Raises: ValueError if a story is empty, names what is not there, or if a page should not carry so much.
    Taught in: notebooks/03_consensus.ipynb
    """

    _esm = (STATIC / "cluster.js").read_text()
    _css = CSS + (STATIC / "cluster.css").read_text()
    nodes = traitlets.List().tag(sync=True)
    stories = traitlets.List().tag(sync=True)
    story = traitlets.Int(0).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(self, stories: Iterable[Story]) -> None:
        told = list(stories)
        if not told or not all(story.frames for story in told):
            raise ValueError("a cluster view needs stories, and a story needs frames; got none")
        nodes = [name for name, seen in told[0].frames[0]["nodes"].items() if "role" in seen]
        if len({story.name for story in told}) < len(told):
            raise ValueError("two stories share a name; each needs its own")
        pages = {story.name: [_picture(one, nodes) for one in moments(story.frames)] for story in told}
        packed = [_pack(story, pages, list(pages), nodes) for story in told]
        size = len(json.dumps(packed))
        if size > MOST_BYTES:
            raise ValueError(f"the stories take {size:,} bytes; at most {MOST_BYTES:,} keep a page light")
        super().__init__(nodes=nodes, stories=packed)

    def __repr__(self) -> str:
        names = [story["name"] for story in self.stories if story["of"] < 0]
        return f"A cluster of {len(self.nodes)} nodes in {len(self.stories)} stories: {', '.join(names)}"


def moments(frames: list[Frame]) -> list[Frame]:
    """One frame for all that happens at the same time, told in one sentence.

    >>> one = {"time": 5, "what": "n2 gets AskVote from n1", "nodes": {}}
    >>> moments([one, {**one, "what": "n3 gets AskVote from n1"}])[0]["what"]
    'n2, n3 get AskVote from n1'
    """
    at_once = (list(group) for _, group in groupby(_remembered(frames), key=lambda frame: frame["time"]))
    return [{**group[-1], "what": _told(frame["what"] for frame in group)} for group in at_once]


def _remembered(frames: list[Frame]) -> Iterator[Frame]:
    """The frames, each dead node in them as it was last seen alive."""
    last: dict[str, dict] = {}
    for frame in frames:
        last = {name: last.get(name, {}) | seen for name, seen in frame["nodes"].items()}
        yield {**frame, "nodes": last}


ARRIVAL = re.compile(r"(\S+) (gets|never gets) (\S+) from (\S+)")
APPLIES = re.compile(r"(\S+) applies (.+)")


def _told(texts: Iterable[str]) -> str:
    """Several happenings in few words: who does the same, or gets the same, is named together."""
    told: dict[tuple, tuple[list, list]] = {}
    for part in (part for text in texts for part in text.split("; ") if part not in FAULTS):
        if found := ARRIVAL.fullmatch(part):
            to, *what, sender = found.groups()
            same = [key for key, (tos, senders) in told.items() if key[:2] == tuple(what) and (
                senders == [sender] or tos == [to])]  # fmt: skip
            tos, senders = told.setdefault(same[0] if same else (*what, part), ([], []))
            senders += [sender] * (sender not in senders)
        else:
            found = APPLIES.fullmatch(part)
            tos, _ = told.setdefault(("applies", found[2]) if found else (part,), ([], []))
            to = found[1] if found else part
        tos += [to] * (to not in tos)
    return "; ".join(_words(key, *who) for key, who in told.items())


def _words(key: tuple, who: list[str], senders: list[str]) -> str:
    if len(key) == 1:
        return key[0].replace("split: ", "the network splits: ")
    verb = key[0] if len(who) == 1 else key[0].replace("gets", "get").replace("applies", "apply")
    return f"{', '.join(who)} {verb} {key[1]}" + (f" from {', '.join(senders)}" if senders else "")


def _picture(frame: Frame, nodes: list[str]) -> dict:
    """What the widget draws of a frame; a link that is cut in one direction is drawn as cut."""
    seen = {name: dict(frame["nodes"][name]) for name in nodes}
    for node in seen.values():
        node.pop("voted_for", None), node.pop("members", None)
    between = [[a, b] for a in nodes for b in nodes if a < b and _apart(seen[a]["group"], seen[b]["group"])]
    one_way = [cut for cut in frame["cuts"] if set(cut) <= set(nodes)]
    sent = [[m["from"], m["to"], m["kind"]] for m in frame["messages"]]
    flying = [message for message in sent if set(message[:2]) <= set(nodes)]
    for node in seen.values():
        del node["group"]
    cuts = sorted({"-".join(sorted(pair)) for pair in between + one_way})
    return {"time": frame["time"], "what": frame["what"], "nodes": seen, "cuts": cuts, "messages": flying}


def _apart(one: int, other: int) -> bool:
    return one != other and -1 not in (one, other)


def _pack(story: Story, pages: dict[str, list], names: list[str], nodes: list[str]) -> dict:
    """A story for the page: of each step only what changed, and nothing that its parent tells as well."""
    if story.of and story.of not in pages:
        raise ValueError(f"{story.name!r} branches off {story.of!r}; there is {', '.join(names)}")
    for name in story.click.split("-") if story.click else []:
        if name not in nodes:
            raise ValueError(f"{story.name!r} waits for a click on {name}; the nodes are {', '.join(nodes)}")
    mine, parent = pages[story.name], pages.get(story.of, [])
    shared = next((i for i, (a, b) in enumerate(zip(mine, parent, strict=False)) if a != b), len(parent))
    if story.of and not 0 < shared < len(mine):
        raise ValueError(f"{story.name!r} must begin as {story.of!r} does, and then differ")
    steps = [_change(*both) for both in zip([None, *mine][shared:], mine[shared:], strict=False)]
    of = names.index(story.of) if story.of else -1
    begins = {"name": story.name, "about": story.about, "of": of, "at": shared - 1, "click": story.click}
    return begins | {"steps": steps}


def _change(before: dict | None, now: dict) -> dict:
    if before is None:
        return now
    nodes = {name: seen for name, seen in now["nodes"].items() if seen != before["nodes"][name]}
    changed = {"time": now["time"], "what": now["what"], "messages": now["messages"]}
    changed |= {"nodes": nodes} if nodes else {}
    return changed | ({"cuts": now["cuts"]} if now["cuts"] != before["cuts"] else {})
