"""Pictures of a world after each event, as lists and dictionaries: for tables, for JSON and for widgets.

Taught in: notebooks/03_consensus.ipynb
"""

from coursekit.world import Event, World


class Trace:
    """Watches a world and keeps a picture of it after every event, in `frames`.

    only: the kinds of events that make a frame; all when left out.
    A process with a method `view()`, which returns a dictionary, fills the picture of its node.
    """

    def __init__(self, world: World, only: tuple[str, ...] = ()) -> None:
        self.world, self.only, self.frames, self.read = world, only, [], len(world.log)
        world.watchers.append(self.see)

    def see(self, event: Event) -> None:
        """Keep a frame: the time, what happened, every node, and every message on its way."""
        if not self.only or event.kind in self.only:
            news, self.read = self.world.log[self.read :], len(self.world.log)
            notes = [f"{each.node} {each.what}" for each in news if each.kind == "note"]
            self.frames.append(frame(self.world, "; ".join([say(event), *notes])))


def say(event: Event) -> str:
    """An event in words.

    >>> say(Event(3.0, "lost", "n2", "n1", "hello"))
    'n2 never gets str from n1'
    """
    if event.kind in ("arrive", "lost"):
        fate = "gets" if event.kind == "arrive" else "never gets"
        return f"{event.node} {fate} {type(event.what).__name__} from {event.other}"
    if event.kind == "timer":
        return f"{event.node}'s {event.what} timer runs out"
    return f"{event.node} {event.what}".strip()


def frame(world: World, what: str) -> dict:
    """The world as it stands; `what` says in words what has just happened."""
    nodes = {}
    for name, machine in world.machines.items():
        view = machine.process.view() if hasattr(machine.process, "view") else {}
        nodes[name] = {**view, "alive": machine.process is not None, "group": world.group.get(name, -1)}
    flying = [
        {"id": each.number, "from": each.other, "to": each.node, "kind": type(each.what).__name__}
        for each in sorted(world.heap)
        if each.kind == "message"
    ]
    cuts = sorted(map(list, world.cuts))
    return {"time": round(world.now, 1), "what": what, "nodes": nodes, "messages": flying, "cuts": cuts}
