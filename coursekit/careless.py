"""What is often shown, to be measured against: a service without care, and two files to deploy it.

    with web.serve(careless_app(agent), "careless") as service:
        six_requests(service.url, head, agent_id, alert)      # what it says to each, in a few words

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import re
from pathlib import Path

import httpx
import yaml
from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware

from coursekit import readiness_files

PASSWORD = "s3cret"
FILES = {
    "Dockerfile": """\
FROM python:3.11-slim
WORKDIR /app
RUN apt-get update && apt-get install -y build-essential curl
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY src/ ./src/
CMD uvicorn src.main:app
""",
    "compose.yaml": """\
services:
  prometheus:
    image: prom/prometheus:latest
    volumes: [./prometheus.yml:/etc/prometheus/prometheus.yml]
  grafana:
    image: grafana/grafana:latest
    environment: [GF_SECURITY_ADMIN_PASSWORD=admin]
    volumes: [./grafana/dashboards:/etc/dashboards]
""",
}


class Fails:
    """An agent whose memory cannot be reached, and whose error says too much."""

    async def process(self, alert: dict) -> dict:
        raise ConnectionError(f"redis://:{PASSWORD}@10.0.0.5:6379 refused")


def careless_app(agent) -> FastAPI:
    """Errors are told as they come, everybody may ask from everywhere, all is always well."""
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)

    @app.post("/process-alert")
    async def process_alert(alert: dict):
        try:
            return await agent.process(alert)
        except Exception as error:
            raise HTTPException(500, str(error)) from None

    @app.get("/agent/{agent_id}/status")
    async def status(agent_id: str):
        return {"agent_id": agent_id, "status": "active"}

    @app.get("/health")
    async def health():
        return {"status": "healthy" if agent else "unhealthy"}

    return app


def six_requests(url: str, head: dict, alert: dict) -> dict[str, str]:
    """What a service says to each, in a few words.   head: the headers of a known caller."""
    evil = {"origin": "https://evil.example", "cookie": "session=1"}
    with httpx.Client(base_url=url, trust_env=False) as http:
        post = lambda body, **more: http.post("/process-alert", json=body, **more)
        failed, page = post(alert, headers=head), http.get("/health", headers=evil)
        leak = ", a password" if PASSWORD in failed.text else ""
        allowed = page.headers.get("access-control-allow-origin")
        return {
            "an alert, while the agent fails": f"{failed.status_code}{leak}",
            "the same without a key": str(post(alert).status_code),
            "an alert without a severity": str(post({"service": "payment-api"}, headers=head).status_code),
            "an agent that there is not": str(http.get("/agent/nobody/status", headers=head).status_code),
            "another site, with a cookie": "let in" if allowed == evil["origin"] else "not let in",
            "health, while Redis is stopped": str(page.status_code),
        }  # fmt: skip


def written(folder: Path) -> Path:
    """The two files, in a folder of yours."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def validated(folder: Path) -> dict:
    """What is wrong with Dockerfile and compose file of a folder; `hadolint` is None where there is none."""
    text = (folder / "compose.yaml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    return {
        "hadolint": readiness_files.lint(folder / "Dockerfile"),
        "schema": readiness_files.schema_errors(folder / "compose.yaml"),
        "mounted, not there": readiness_files.missing_mounts(compose, folder),
        "no version": readiness_files.unpinned(compose),
        "passwords": re.findall(r"PASSWORD(?:=|: )\w+", text),
    }
