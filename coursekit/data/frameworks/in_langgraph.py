"""LangChain's `create_agent`, a graph of LangGraph underneath; the clerk is a tool of the buyer."""

from job import BUYER, CLERK, TASK, run
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI


def answer(agent, question):
    return agent.invoke({"messages": [("user", question)]})["messages"][-1].text


def program(job):
    clerk = create_agent(ChatOpenAI(model=job.model("clerk")), [job.price_tool()], system_prompt=CLERK)

    def ask_clerk(question: str) -> str:
        """Ask the clerk about prices."""
        return answer(clerk, question)

    buyer = create_agent(ChatOpenAI(model=job.model("buyer")), [ask_clerk], system_prompt=BUYER)
    return answer(buyer, TASK)


if __name__ == "__main__":
    run(program)
