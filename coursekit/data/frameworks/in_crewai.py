"""CrewAI: two roles in a crew; the buyer may delegate, which CrewAI offers to its model as tools."""

import os

os.environ |= {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "OTEL_SDK_DISABLED": "true",
    "CREWAI_TRACING_ENABLED": "false",
}

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from job import BUYER, CLERK, TASK, run


def agent(job, role, backstory, **more):
    model = LLM(model=job.model(role), provider="openai")
    return Agent(role=role, goal="Answer with a number.", backstory=backstory, llm=model, **more)


def program(job):
    clerk = agent(job, "clerk", CLERK, tools=[tool(job.price_tool())])
    buyer = agent(job, "buyer", BUYER, allow_delegation=True)
    task = Task(description=TASK, expected_output="A price in euros.", agent=buyer)
    return Crew(agents=[buyer, clerk], tasks=[task]).kickoff().raw


if __name__ == "__main__":
    run(program)
