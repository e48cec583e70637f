"""One way to ask a model, whatever stands behind: a real `openai` client, chosen by COURSE_MODEL.

rehearsal   the default: scripted replies, written in the notebook (`coursekit.rehearsal`); same for everybody
local       SmolLM2-135M-Instruct, real weights in this process; offline, small, honest
live        OpenAI or any compatible server; chosen by itself when OPENAI_API_KEY or OPENAI_BASE_URL is set,
            or by COURSE_MODEL=http://KEY@host:port/v1, server and key in one, as a class gets it

    client = llm.client()
    client.chat.completions.create(model=llm.model("capital"), messages=[...])

A cell that needs real weights, since a script would prove nothing, asks with `real=True`: local then stands
in for rehearsal.
"""

import functools
import os
import secrets
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from coursekit import weights
from coursekit.errors import CourseError

if TYPE_CHECKING:
    import openai  # half a second of work, so the functions below import it for those who ask

OPENAI = "https://api.openai.com/v1"
OPENAI_DEFAULT = "gpt-5.4-mini"
EXAMPLE = "http://127.0.0.1:11434/v1"  # Ollama's
EXAMPLE_OF_CLASS = "http://KEY@127.0.0.1:8010/v1"  # that of `make model`
LOCAL = "SmolLM2-135M-Instruct"
SLOTS, SLOT_TOKENS = 4, 2048  # local: answers at once, and prompt plus answer of each
LOOPBACK = {"trust_env": False, "verify": False}  # plain HTTP: no proxy, and no certificates to load (26 ms)
_loading = threading.Lock()

# SmolLM2's own chat template behind one guard: without it the server would ignore tools in silence.
TEMPLATE = """\
{%- if tools %}{{ raise_exception("SmolLM2 is too small to call tools and would ignore them; use \
COURSE_MODEL=rehearsal, or a larger model through OPENAI_BASE_URL") }}{% endif -%}
{%- for message in messages %}{% if loop.first and message.role != "system" %}{{ "<|im_start|>system\n\
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" }}{% endif %}\
{{ "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n" }}{% endfor -%}
{%- if add_generation_prompt %}{{ "<|im_start|>assistant\n" }}{% endif -%}
"""


def mode(*, real: bool = False) -> str:
    """rehearsal, local or live; never rehearsal if `real`. Raises CourseError for another COURSE_MODEL."""
    by_itself = "live" if _set("OPENAI_API_KEY") or _set("OPENAI_BASE_URL") else "rehearsal"
    chosen = _set("COURSE_MODEL") or by_itself
    if _variables()[0] == "COURSE_MODEL":
        return "live"
    if chosen not in ("rehearsal", "local", "live"):
        shown = chosen if len(chosen) < 12 else f"{chosen[:6]}…"  # no more of it: it may hold a key
        raise CourseError(f"COURSE_MODEL={shown!r} is not known; set it to rehearsal, local or live")
    return "local" if real and chosen == "rehearsal" else chosen


def client(*, real: bool = False) -> "openai.OpenAI":
    """An `openai.OpenAI` that is ready to ask. Raises CourseError, in about a second, if nothing answers."""
    import openai

    return openai.OpenAI(**connection(real=real))


def async_client(*, real: bool = False) -> "openai.AsyncOpenAI":
    """The same as an `openai.AsyncOpenAI`."""
    import openai

    return openai.AsyncOpenAI(**_connection(openai.DefaultAsyncHttpxClient, real))


def connection(*, real: bool = False) -> dict:
    """What another client needs, as keywords: base_url, api_key and, on loopback, http_client.

    Such as langchain_openai: `ChatOpenAI(model=llm.model("capital"), **llm.connection())`.
    """
    import openai

    return _connection(openai.DefaultHttpxClient, real)


def local_client() -> "openai.OpenAI":
    """SmolLM2's own server whatever COURSE_MODEL says: for what only it can tell, such as its tokens."""
    import openai

    with _loading:
        url, key, _ = _local_server()
    return openai.OpenAI(base_url=url, api_key=key, http_client=openai.DefaultHttpxClient(trust_env=False))


def model(policy: str = "", *, real: bool = False) -> str:
    """What to pass as `model=`: the `policy` itself in rehearsal, else the name of the model that answers."""
    chosen = mode(real=real)
    return policy if chosen == "rehearsal" else LOCAL if chosen == "local" else _live_model()


def who_answers(*, real: bool = False) -> str:
    """One line for the reader: whose words these are, and how to change that."""
    if mode(real=real) == "rehearsal":
        ways = "COURSE_MODEL=local for real weights or OPENAI_API_KEY for a hosted model"
        return f"rehearsal: scripted replies written in this notebook, on loopback; set {ways}"
    if mode(real=real) == "local":
        return f"local: {LOCAL}, 135 million weights in this process; fluent, often wrong, no tools"
    return f"live: {_live_model()} at {_shown(_live_url())}; answers differ from run to run"


def _connection(http_client, real: bool) -> dict:
    """What the client's constructor gets."""
    if mode(real=real) == "live":
        _models_served()  # does it answer, does it take the key …
        _live_model()  # … and with which model?
        return {"base_url": _live_url(), "api_key": _live_key()}
    if mode(real=real) == "rehearsal":
        from coursekit.rehearsal_server import stage

        url, key = stage().base_url, stage().key
    else:
        with _loading:
            url, key, _ = _local_server()
    return {"base_url": url, "api_key": key, "http_client": http_client(**LOOPBACK)}


# local


@functools.cache
def _local_server() -> tuple[str, str, object]:
    """URL, key and the server itself, which must stay referenced to live."""
    path = weights.SMOLLM2.path()
    if path is None:
        raise CourseError("COURSE_MODEL=local needs the weights; run `python -m coursekit.weights` first")
    import xllamacpp  # here, since only this mode needs it

    params, key = xllamacpp.CommonParams(), secrets.token_urlsafe(16)
    params.model.path, params.model_alias = str(path), {LOCAL}
    params.chat_template, params.api_keys = TEMPLATE, [key]
    params.n_parallel, params.n_ctx, params.kv_unified = SLOTS, SLOTS * SLOT_TOKENS, False  # slots do not mix
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # two would spin on a busy machine
    params.n_gpu_layers, params.fit_params = 0, False  # the same arithmetic on every machine
    params.cache_ram_mib, params.verbosity, params.ui = 64, -1, False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        raise CourseError(f"{path.name} does not load; `python -m coursekit.weights` mends it") from None
    return f"{server.listening_address}/v1", key, server


# live


def _set(name: str) -> str:
    return os.environ.get(name, "").strip()


def _variables() -> tuple[str, str]:
    """The variables that hold the address of the server and the key: COURSE_MODEL may hold both."""
    one = "://" in _set("COURSE_MODEL")
    return ("COURSE_MODEL", "COURSE_MODEL") if one else ("OPENAI_BASE_URL", "OPENAI_API_KEY")


def _live_url() -> str:
    variable, _ = _variables()
    url = _set(variable).rstrip("/") or OPENAI
    parts, of_class = urlsplit(url), variable == "COURSE_MODEL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        begins = url[:6]  # no more of it is shown: it may be a key in the wrong place
        example = EXAMPLE_OF_CLASS if of_class else EXAMPLE
        raise CourseError(f"{variable} begins with {begins!r} and is no web address; write it like {example}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if of_class else url


def _live_key() -> str:
    _, variable = _variables()
    if variable == "COURSE_MODEL":  # a key that is set for OpenAI is not for the server of a class
        parts = urlsplit(_set(variable))
        key = unquote(parts.password or parts.username or "")
    else:
        key = _set(variable)
    if not key and _live_url() == OPENAI:
        way_out = f"or OPENAI_BASE_URL for a server of your own, like {EXAMPLE}"
        raise CourseError(f"COURSE_MODEL=live needs OPENAI_API_KEY, {way_out}")
    if not (key.isascii() and key.isprintable()):
        raise CourseError(f"{variable} holds characters that no key has; copy it again")
    return key or "not-needed"  # servers of one's own seldom ask


def _shown(url: str) -> str:
    """The URL without a password or query that could be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _live_model() -> str:
    """OPENAI_MODEL, else our default at OpenAI, else the first model that the server lists."""
    if _set("OPENAI_MODEL") or _live_url() == OPENAI:
        return _set("OPENAI_MODEL") or OPENAI_DEFAULT
    served = _models_served()
    if not served:
        advice = f"name one in OPENAI_MODEL, or correct {_variables()[0]}: it often ends in /v1"
        raise CourseError(f"{_shown(_live_url())} lists no models; {advice}")
    return served[0]


def _models_served() -> list[str]:
    """Names of the models behind the live URL; none where the server has no such list."""
    import openai

    url, (address, key) = _shown(_live_url()), _variables()
    patience = openai.Timeout(5, connect=1)
    asking = openai.OpenAI(base_url=_live_url(), api_key=_live_key(), timeout=patience, max_retries=0)
    try:
        with asking:
            return [served.id for served in asking.models.list()]
    except openai.APIConnectionError:
        advice = f"start it, correct {address}, or set COURSE_MODEL=rehearsal to go on offline"
        raise CourseError(f"no server answers at {url}; {advice}") from None
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        told = f"the {key} given" if key != address else f"the key in {key}"
        raise CourseError(f"{url} refuses {told} ({error.status_code}); check it") from None
    except (openai.APIStatusError, AttributeError, ValueError):  # it answers, but not with a list of models
        return []
