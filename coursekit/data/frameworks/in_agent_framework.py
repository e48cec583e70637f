"""Microsoft Agent Framework, successor of AutoGen and Semantic Kernel; the clerk is a tool of the buyer."""

import asyncio

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient
from job import BUYER, CLERK, TASK, run


def program(job):
    client = lambda role: OpenAIChatCompletionClient(model=job.model(role))
    clerk = Agent(
        client("clerk"), CLERK, name="clerk", description="Knows the prices.", tools=[job.price_tool()]
    )
    buyer = Agent(client("buyer"), BUYER, name="buyer", tools=[clerk.as_tool()])
    return asyncio.run(buyer.run(TASK)).text


if __name__ == "__main__":
    run(program)
