"""The price of a message, way by way: the table of notebook 11 with more laps, and its claims."""

import asyncio
import sys

from coursekit import laps, mqtt, polyglot, talk_bus
from coursekit.acl import write
from coursekit.chapters import chapter
from coursekit.display import table

BLOCKS, LAPS = 11, 40


async def measured() -> tuple[dict, dict, dict]:
    """Prices, with mosquitto where it is installed; bytes of a question with its answer; ms with and without
    TCP_NODELAY."""
    talk = chapter("11_agent_communication")
    talk.call = laps.CALL
    mosquitto = mqtt.Mosquitto().start() if mqtt.mosquitto() else None
    try:
        with mqtt.start("broker of the bench") as broker:
            prices = await laps.price_list(broker, mosquitto, blocks=BLOCKS, laps=LAPS)
            ways = polyglot.ways(broker)
            sizes = {name: (await talk.carried(name, way))[1] for name, way in ways.items()}
            talk.broker = broker
            waited = await talk.nagle()
    finally:
        if mosquitto:
            mosquitto.stop()
        talk_bus.leave()
    return prices, sizes, waited


def main() -> int:
    """1 if one of the claims is missed."""
    prices, sizes, waited = asyncio.run(measured())
    rows = [
        {"way": name, "p50, µs": row["p50"], "p95, µs": row["p95"], "per second": row["per second"],
         "p50 / WebSocket": row["p50"] / prices["WebSocket"]["p50"], "bytes": str(sizes.get(name) or "–")}
        for name, row in sorted(prices.items(), key=lambda item: item[1]["p50"])
    ]  # fmt: skip
    said = (
        f"{len(write(laps.CALL))} characters of FIPA ACL there, the answer back; the robot in another process"
    )
    form = {"p50, µs": ",.0f", "p95, µs": ",.0f", "per second": ",.0f", "p50 / WebSocket": ".1f"}
    print(table(rows, said, form))
    print(f"MQTT, QoS 1 without TCP_NODELAY: {waited[False]:.0f} ms")
    claims = laps.claims(prices)
    if sys.platform == "linux":
        claims["Nagle costs more than 20 ms"] = 1000 * waited[False] > 20_000 + prices["MQTT, QoS 1"]["p50"]
    print(table({"claim": claim, "holds": "yes" if holds else "NO"} for claim, holds in claims.items()))
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
