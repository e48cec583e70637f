"""Two tools for LangChain that tell the weather; the second cannot be built, since it wants a key.

A module to load tools from: one of its classes fails, and `BaseTool` is imported here and not defined.
Used in: notebooks/20_langchain.ipynb
"""

from langchain_core.tools import BaseTool


class Thermometer(BaseTool):
    """The same everywhere."""

    name: str = "thermometer"
    description: str = "Tell the temperature in a city."

    def _run(self, city: str) -> str:
        return f"{city}: 21 °C"


class PaidForecast(BaseTool):
    """Raises: PermissionError, always."""

    name: str = "forecast"
    description: str = "Tell tomorrow's weather in a city."

    def __init__(self, **given) -> None:
        raise PermissionError("no key for the paid service")

    def _run(self, city: str) -> str:
        return f"{city}: sunny"
