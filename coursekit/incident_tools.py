"""Three tools of an incident agent for LangChain, as makers whose parameters a configuration may set.

    makers = incident_makers(office, fleet)
    makers["notification"](channel="#sre")        # a tool that posts there

office: a `desk.Office` or `desk.Drawer`.   fleet: a `fleet.Fleet`, whose logs are searched.
Used in: notebooks/20_langchain.ipynb
"""

from collections import Counter
from collections.abc import Callable

from langchain_core.tools import BaseTool, tool


def incident_makers(office, fleet) -> dict[str, Callable[..., BaseTool]]:
    """log_search, ticket_creation, notification."""

    def log_search(level: str = "ERROR", most: int = 3) -> BaseTool:
        @tool("log_search")
        def search_logs(service: str) -> str:
            """Search the logs of a service; the commonest messages, with their counts."""
            found = Counter(log.message for log in fleet.logs if (log.service, log.level) == (service, level))
            lines = [f"{count} x {message}" for message, count in found.most_common(most)]
            return "\n".join(lines) or "nothing found"

        return search_logs

    def ticket_creation() -> BaseTool:
        @tool("ticket_creation")
        def file_ticket(summary: str, team: str) -> str:
            """File a ticket for a team; returns its key."""
            return office.ticket(summary, "", team)

        return file_ticket

    def notification(channel: str) -> BaseTool:
        @tool("notification")
        def post(text: str) -> str:
            """Tell the people on call."""
            office.post(channel, text)
            return "posted"

        return post

    return {"log_search": log_search, "ticket_creation": ticket_creation, "notification": notification}
