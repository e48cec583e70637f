"""Who may ask, and how often: signed tokens for people, keys for programs, a guard for FastAPI.

    tokens = Tokens()
    app = make_gateway(…, guards=[make_guard(tokens, valkey.async_client, "my-service")])
    app.add_middleware(SafeHeaders)

Whatever is wrong with a token or a key, the answer is the same 401.
Taught in: notebooks/07_llm_production.ipynb
"""

import hashlib
import hmac
import json
import math
import re
import secrets
import time
from collections.abc import Callable, Collection
from functools import cache

import jwt
import redis.asyncio
from fastapi import Request
from redis.exceptions import RedisError

from coursekit.apps import Problem
from coursekit.limits import Limits


class Tokens:
    """Access tokens (JWT, HS256) for one audience. Keys have names, so that a new one can follow an old one.

    keys: name -> at least 32 random bytes, from where secrets are kept; the last one signs. Without any, one
    is made for this process alone.
    """

    REQUIRED = ("exp", "iat", "iss", "aud", "sub", "jti", "type")

    def __init__(
        self,
        keys: dict[str, bytes] | None = None,
        issuer: str = "llm-course",
        audience: str = "llm-gateway",
    ) -> None:
        self.issuer, self.audience = issuer, audience
        self.keys: dict[str, bytes | None] = dict(keys or {})
        self.revoked: set[str] = set()  # ids of tokens; in several processes this belongs in Redis
        if short := [name for name, key in self.keys.items() if len(key) < 32]:
            raise ValueError(
                f"HS256 needs keys of 32 bytes or more (RFC 7518); too short: {', '.join(short)}"
            )
        self.current = next(reversed(self.keys), "")
        if not self.keys:
            self.rotate()

    def rotate(self) -> None:
        """Sign with a fresh key from now on; what an old key signed is good until it retires."""
        self.current = f"k{len(self.keys) + 1}"
        self.keys[self.current] = secrets.token_bytes(32)

    def retire(self, name: str) -> None:
        """What this key signed is refused from now on."""
        self.keys[name] = None

    def issue(
        self,
        subject: str | None,
        scopes: Collection[str],
        kind: str = "access",
        lasts_s: float = 900,
        **other,
    ) -> str:
        """A token; `other` replaces claims, None leaves one out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.audience, "sub": subject, "type": kind,
                  "iat": now, "exp": now + lasts_s, "jti": secrets.token_hex(8),
                  "scope": " ".join(scopes)}  # fmt: skip
        return self.sign({k: v for k, v in (claims | other).items() if v is not None})

    def sign(self, claims: dict, key: bytes | None = None, name: str | None = None) -> str:
        key, name = key or self.keys[self.current], name or self.current
        return jwt.encode(claims, key, algorithm="HS256", headers={"kid": name})

    def check(self, token: str, kind: str = "access") -> dict:
        """The claims of a good token. Raises: Problem 401, in the same words whatever is wrong."""
        try:
            key = self.keys.get(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token, key or b"", algorithms=["HS256"], issuer=self.issuer,
                audience=self.audience, options={"require": self.REQUIRED},
            )  # fmt: skip
            if key and claims["type"] == kind and claims["jti"] not in self.revoked:
                return claims
        except jwt.PyJWTError:
            pass  # which test it failed is nobody's business
        raise NOT_YOU


BEARER = {"WWW-Authenticate": "Bearer"}
NOT_YOU = Problem(401, "Not authenticated", "Send a valid token or key.", BEARER)
SCOPE = re.compile(r"[a-z]+:[a-z]+")


def digest(secret: str) -> str:
    """SHA-256, without salt: nobody can guess 256 random bits. For passwords it would be wrong."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeys:
    """Keys for programs, `ak_<name>_<secret>`, in Redis; of the secret only a digest is kept."""

    def __init__(self, redis: redis.asyncio.Redis, space: str) -> None:
        self.redis, self.space = redis, space

    async def create(self, owner: str, scopes: Collection[str]) -> str:
        """The key, which can be read only now. Raises: ValueError for a scope that is not like llm:chat."""
        if wrong := [scope for scope in scopes if not SCOPE.fullmatch(scope)]:
            raise ValueError(f"a scope is written like llm:chat, got {wrong}")
        name, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        kept = {"owner": owner, "scopes": json.dumps(sorted(scopes)), "digest": digest(secret)}
        await self.redis.hset(f"{self.space}:api_key:{name}", mapping=kept)
        return f"ak_{name}_{secret}"

    async def check(self, key: str) -> dict:
        """Owner and scopes. Raises: Problem 401, for an unknown key as for a wrong secret."""
        _, name, secret = [*key.split("_", 2), "", ""][:3]
        place = f"{self.space}:api_key:{name[:64]}"
        text = lambda value: value.decode() if isinstance(value, bytes) else value
        kept = {text(k): text(v) for k, v in (await self.redis.hgetall(place)).items()}
        if not hmac.compare_digest(digest(secret), kept.get("digest", "0" * 64)):
            raise NOT_YOU
        await self.redis.hset(place, "last_used", int(time.time()))
        return {"sub": kept["owner"], "scope": " ".join(json.loads(kept["scopes"]))}


SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class SafeHeaders:
    """ASGI middleware: security headers, and what the guard has noted about limits."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        noted = scope.setdefault("state", {})

        async def adding(message):
            if message["type"] == "http.response.start":
                own = SAFE | noted.get("limit", {})
                if scope["scheme"] == "https":
                    own["strict-transport-security"] = "max-age=31536000"
                kept = [(k, v) for k, v in message["headers"] if k.lower().decode() not in own]
                message["headers"] = kept + [(k.encode(), v.encode()) for k, v in own.items()]
            await send(message)

        await self.app(scope, receive, adding)


def make_guard(
    tokens: Tokens,
    connect: Callable[[], redis.asyncio.Redis],
    space: str,
    *,
    needs: str = "llm:chat",
    limit: int = 100,
    window_s: float = 3600,
) -> Callable:
    """A FastAPI dependency: 401 for strangers, 403 without the scope `needs`, 429 above the limit.

    connect: makes the client of Redis; 503 while none can be reached, since nobody passes a broken lock.
    """

    @cache
    def stores():
        redis = connect()  # first used, and so opened, in the service's own event loop
        return ApiKeys(redis, space), Limits(redis, space)

    async def guard(request: Request):
        try:
            who = await caller(request)
            if needs not in who.get("scope", "").split():
                raise Problem(403, "Not allowed", f"This needs the scope {needs}.")
            decision = await stores()[1].window(who["sub"], limit, window_s)
        except RedisError:
            raise Problem(503, "No limits", "Try again soon.", {"Retry-After": "5"}) from None
        wait = str(max(1, math.ceil(decision.wait_s)))
        request.state.limit = {
            "ratelimit-policy": f'"asks";q={limit};w={window_s}',
            "ratelimit": f'"asks";r={decision.left};t={wait}',
        }
        if not decision.admitted:
            raise Problem(429, "Too many requests", f"In {wait} s again.", {"Retry-After": wait})

    async def caller(request):
        kind, _, shown = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise NOT_YOU
        return await stores()[0].check(shown) if shown.startswith("ak_") else tokens.check(shown)

    return guard
