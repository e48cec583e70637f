"""A real Prometheus where its program is found: on PATH, or named by PROMETHEUS_BIN.

    with tempfile.TemporaryDirectory() as folder, start(folder, rules_text, service.port) as prometheus:
        rule_states(prometheus)                       # {"HighErrorRate": "firing", …}

It runs with an hour squeezed into a minute, so that an alert with `for: 2m` can be watched firing.
"""

import json
import os
import re
import shutil
from pathlib import Path

import yaml

from coursekit import servers


def program() -> str | None:
    """Its path, or None where there is none."""
    return os.environ.get("PROMETHEUS_BIN", "").strip() or shutil.which("prometheus")


def squeezed(rules: str) -> str:
    """Minutes become seconds, hours minutes.

    >>> squeezed("increase(x[1h]) > 50 for: 2m")
    'increase(x[1m]) > 50 for: 2s'
    """
    return re.sub(r"\b(\d+)h\b", r"\1m", re.sub(r"\b(\d+)m\b", r"\1s", rules))


def start(folder: str, rules: str, port: int) -> servers.Server:
    """Scrape 127.0.0.1:`port` as the job llm-service four times a second, under the squeezed `rules`.

    folder: for its settings and data; it must outlive the server.   Raises: ServerError if it does not start.
    """
    job = {"job_name": "llm-service", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    often = {"scrape_interval": "250ms", "evaluation_interval": "250ms"}
    settings = {"global": often, "rule_files": ["rules.yml"], "scrape_configs": [job]}
    Path(folder, "rules.yml").write_text(squeezed(rules), encoding="utf-8")
    Path(folder, "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [program(), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    return servers.start("prometheus", [*command, "--web.listen-address=127.0.0.1:{port}"], path="/-/ready")


def rule_states(prometheus: servers.Server) -> dict[str, str]:
    """Alert -> inactive, pending or firing, as Prometheus sees it now."""
    with servers.ask(prometheus.url + "/api/v1/rules", timeout=5) as reply:
        groups = json.load(reply)["data"]["groups"]
    return {rule["name"]: rule["state"] for group in groups for rule in group["rules"]}
