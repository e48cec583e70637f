"""Clients of two more vendors, Anthropic and Google, by their own packages: live with a key, else rehearsed.

    client, name = vendors.anthropic("town")
    await client.messages.create(model=name, max_tokens=100, messages=[...])

With ANTHROPIC_API_KEY or GEMINI_API_KEY in the environment, and COURSE_MODEL neither rehearsal nor local,
the real service answers as ANTHROPIC_MODEL or GEMINI_MODEL. Otherwise the scripted model does, on loopback,
in that vendor's wire format (`coursekit.rehearsal_dialects`). Neither client tries again by itself.
OpenAI, and all who speak its format: `coursekit.llm`; for faults that are made to order, `rehearsed`.
"""

import os
from typing import TYPE_CHECKING

from coursekit.errors import CourseError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from google.genai import Client
    from openai import AsyncOpenAI

KEYS = {"anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}
MODELS = {  # variable, and the model without it
    "anthropic": ("ANTHROPIC_MODEL", "claude-haiku-5-5"),
    "google": ("GEMINI_MODEL", "gemini-flash-latest"),
}


def live_key(vendor: str) -> str:
    """The learner's own key for `vendor`, or "" if the rehearsal answers."""
    key = os.environ.get(KEYS[vendor], "").strip()
    if not key or os.environ.get("COURSE_MODEL", "").strip() in ("rehearsal", "local"):
        return ""
    if not (key.isascii() and key.isprintable()):
        raise CourseError(f"{KEYS[vendor]} holds characters that no key has; copy it again")
    return key


def who_answers(vendor: str) -> str:
    """One line for the reader: whose words these are, and how to change that."""
    if live_key(vendor):
        return f"live: {_model(vendor, '')}; answers differ from run to run"
    return f"rehearsal: scripted replies in {vendor}'s format, on loopback; set {KEYS[vendor]} for real ones"


def anthropic(policy: str) -> tuple["AsyncAnthropic", str]:
    """A client of Anthropic's Messages API, and the name of the model to ask: `policy` in rehearsal."""
    import httpx2
    from anthropic import AsyncAnthropic  # a second of work, for those who ask

    name = _model("anthropic", policy)
    if key := live_key("anthropic"):
        return AsyncAnthropic(api_key=key, max_retries=0), name
    url, key = _rehearsal()
    # httpx2's own client: anthropic's default one asks a proxy even under trust_env=False
    direct = httpx2.AsyncClient(trust_env=False)
    return AsyncAnthropic(api_key=key, base_url=url, max_retries=0, http_client=direct), name


def google(policy: str) -> tuple["Client", str]:
    """A client of Google's Gemini API (its `aio` is asynchronous), and the name of the model to ask."""
    import httpx2
    from google import genai

    name = _model("google", policy)
    if key := live_key("google"):
        return genai.Client(api_key=key, vertexai=False), name
    url, key = _rehearsal()
    direct = {"httpx_client": httpx2.Client(trust_env=False)}
    direct |= {"httpx_async_client": httpx2.AsyncClient(trust_env=False)}
    options = genai.types.HttpOptions(base_url=url, **direct)
    return genai.Client(api_key=key, vertexai=False, http_options=options), name


def rehearsed(url: str = "", **options) -> "AsyncOpenAI":
    """An OpenAI client of the rehearsal whatever COURSE_MODEL says: no real service fails on demand.

    url: another server on loopback instead (`coursekit.witness`).   options: of the client.
    """
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    base, key = _rehearsal()
    direct = DefaultAsyncHttpxClient(trust_env=False)
    return AsyncOpenAI(base_url=f"{url or base}/v1", api_key=key, http_client=direct, **options)


def _model(vendor: str, policy: str) -> str:
    variable, default = MODELS[vendor]
    return (os.environ.get(variable, "").strip() or default) if live_key(vendor) else policy


def _rehearsal() -> tuple[str, str]:
    from coursekit.rehearsal_server import stage

    return stage().base_url.removesuffix("/v1"), stage().key
