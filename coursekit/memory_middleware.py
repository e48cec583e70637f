"""Four kinds of memory for an agent of LangChain, each as middleware between the thread and the model.

buffer    the model reads the whole thread
window    the last turns of it
summary   notes on the older messages, which leave the thread
vector    besides the thread, what this user said before that is near to the question

    create_agent(..., context_schema=Asker, middleware=memory_of("vector", model, "talks", k=3))
    agent.invoke(question, settings, context=Asker("anna"))

Taught in: notebooks/20_langchain.ipynb
"""

from dataclasses import dataclass

from langchain.agents import middleware as mw
from langchain_chroma import Chroma
from langchain_core.language_models import BaseChatModel

from coursekit.semantic_memory import SemanticMemory, open_store

MEMORY_SETTINGS = {  # kind -> what memory_config may set, with its default
    "buffer": {},
    "window": {"turns": 5},
    "summary": {"max_tokens": 2000, "keep_messages": 4},
    "vector": {"persist_directory": None, "k": 5},
}


@dataclass(frozen=True)
class Asker:
    """Who a run is for; tools and memory see it past the model."""

    user: str


def memory_of(kind: str, model: BaseChatModel, name: str, **settings) -> list[mw.AgentMiddleware]:
    """The middleware of one kind; `buffer` needs none. name: of the collection in which `vector` stores."""
    settings = MEMORY_SETTINGS[kind] | settings
    if kind == "window":
        return [window(settings["turns"])]
    if kind == "summary":
        keep = ("messages", settings["keep_messages"])
        return [mw.SummarizationMiddleware(model, trigger=("tokens", settings["max_tokens"]), keep=keep)]
    if kind == "vector":
        return [Recall(open_store(name, settings["persist_directory"]), settings["k"])]
    return []


def window(turns: int):
    """Show the model only the last turns, from a user's message on; the checkpointer still keeps all."""

    @mw.wrap_model_call(name="window")
    def last_turns(request, handler):
        starts = [i for i, message in enumerate(request.messages) if message.type == "human"]
        return handler(request.override(messages=request.messages[starts[-turns:][0] :] if starts else []))

    return last_turns


class Recall(mw.AgentMiddleware):
    """Long-term memory: what this user said that is near joins the prompt, and each turn is kept."""

    def __init__(self, store: Chroma, k: int = 5) -> None:
        super().__init__()
        self.store, self.k = store, k

    def wrap_model_call(self, request, handler):
        asked = next((m.text for m in reversed(request.messages) if m.type == "human"), "")
        memory = SemanticMemory(self.store, request.runtime.context.user)
        found = memory.context(asked, self.k) if asked else ""
        prompt = "\n\n".join(filter(None, [request.system_prompt, found and f"From earlier talks:\n{found}"]))
        return handler(request.override(system_prompt=prompt or None))

    def after_agent(self, state, runtime) -> None:
        asked = next((m.text for m in reversed(state["messages"]) if m.type == "human"), "")
        if asked:
            SemanticMemory(self.store, runtime.context.user).add_turn(asked, state["messages"][-1].text)
