"""Microsoft's AutoGen 0.7 (autogen-agentchat), in maintenance; the clerk is an AgentTool of the buyer."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.tools import AgentTool
from autogen_ext.models.openai import OpenAIChatCompletionClient
from job import BUYER, CLERK, TASK, run

ABOUT = {
    "vision": False,
    "function_calling": True,
    "json_output": True,
    "family": "unknown",
    "structured_output": True,
}


def agent(job, role, system, tools, description):
    client = OpenAIChatCompletionClient(model=job.model(role), model_info=ABOUT, parallel_tool_calls=False)
    return AssistantAgent(
        role,
        client,
        tools=tools,
        system_message=system,
        description=description,
        reflect_on_tool_use=True,
        max_tool_iterations=20,
    )


def program(job):
    clerk = agent(job, "clerk", CLERK, [job.price_tool()], "Knows the prices.")
    as_tool = AgentTool(clerk, return_value_as_last_message=True)
    buyer = agent(job, "buyer", BUYER, [as_tool], "Buys.")
    return asyncio.run(buyer.run(task=TASK)).messages[-1].content


if __name__ == "__main__":
    run(program)
