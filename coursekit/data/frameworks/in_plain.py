"""No framework: the loop by hand. Also what the agents of SPADE think with, as it brings no model."""

import inspect
import json

from job import BUYER, CLERK, TASK, run
from openai import OpenAI

MOST = 20  # rounds


def describe(tool) -> dict:
    """A function as the API wants to see it."""
    kinds = {int: "integer", str: "string"}
    takes = {name: {"type": kinds[p.annotation]} for name, p in inspect.signature(tool).parameters.items()}
    schema = {"type": "object", "properties": takes, "required": list(takes)}
    return {"name": tool.__name__, "description": tool.__doc__, "parameters": schema}


def think(model, system, question, tool) -> str:
    """Ask, run the tool that is asked for, tell what came of it, until there is an answer."""
    client, offer = OpenAI(), [{"type": "function", "function": describe(tool)}]
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    for _ in range(MOST):
        reply = client.chat.completions.create(model=model, messages=messages, tools=offer).choices[0].message
        if not reply.tool_calls:
            return reply.content
        messages.append(reply)
        for call in reply.tool_calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": use(tool, call.function)})
    raise TimeoutError(f"no answer after {MOST} rounds")


def use(tool, asked) -> str:
    """A model's mistake or a tool's failure is an observation, not the end."""
    if asked.name != tool.__name__:
        return f"Error: there is no tool {asked.name}, only {tool.__name__}"
    try:
        given = json.loads(asked.arguments)
        hints = tool.__annotations__
        if bad := [name for name in given if not isinstance(given[name], hints.get(name, ()))]:
            return f"Error: {', '.join(bad)} must be {', '.join(hints[name].__name__ for name in bad)}"
        return str(tool(**given))
    except Exception as problem:
        return f"Error: {problem}"


def program(job):
    def ask_clerk(question: str) -> str:
        """Ask the clerk about prices."""
        return think(job.model("clerk"), CLERK, question, job.price_tool())

    return think(job.model("buyer"), BUYER, TASK, ask_clerk)


if __name__ == "__main__":
    run(program)
