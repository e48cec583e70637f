"""Our queue simulators beside SimPy and Ciw, on the same waiting lines, and all beside theory.

Speed is customers per second of CPU time, random draws and mean wait included, the best of ten runs that take
turns with the other simulators. Ends with 1 if a target is missed or a simulator disagrees with theory.
"""

import gc
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import sqrt

import ciw
import numpy as np
import simpy
from numpy.random import SFC64, Generator
from tqdm import tqdm

from coursekit.durations import Durations, exponential, hyperexponential
from coursekit.queueing import serve
from coursekit.queueing_fast import simulate
from coursekit.queueing_theory import mmc, pollaczek_khinchine

LOAD, RUNS = 0.8, 10
STUDENT = 2.262  # 95 % of Student's t with 9 degrees of freedom lie within ±
TARGETS = {"visible loop": 40, "fast path": 500}  # times SimPy's speed
SHORT = (1 + sqrt(3 / 5)) / 2  # M/G/1: two kinds of services, of which the short ones have this share


@dataclass(frozen=True)
class Line:
    """One waiting line, told in the words of each simulator; services take 1 on average."""

    name: str
    servers: int
    services: Durations
    one_service: Callable[[random.Random], float]
    ciw_services: ciw.dists.Distribution
    theory: float

    @property
    def arrival_rate(self) -> float:
        return LOAD * self.servers


def short_or_long(chance: random.Random) -> float:
    return chance.expovariate(2 * SHORT if chance.random() < SHORT else 2 * (1 - SHORT))


LINES = [
    Line("M/M/1", 1, exponential(1), lambda chance: chance.expovariate(1), ciw.dists.Exponential(1),
         mmc(LOAD, 1, 1).mean_wait),
    Line("M/M/4", 4, exponential(1), lambda chance: chance.expovariate(1), ciw.dists.Exponential(1),
         mmc(LOAD * 4, 1, 4).mean_wait),
    Line("M/G/1", 1, hyperexponential(1, scv=4), short_or_long,
         ciw.dists.HyperExponential(rates=[2 * SHORT, 2 * (1 - SHORT)], probs=[SHORT, 1 - SHORT]),
         pollaczek_khinchine(LOAD, 1, service_scv=4)),
]  # fmt: skip


def with_ciw(line: Line, customers: int, seed: int) -> float:
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(line.arrival_rate)],
        service_distributions=[line.ciw_services],
        number_of_servers=[line.servers],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(customers)
    waits = [record.waiting_time for record in simulation.get_all_records()]
    return sum(waits) / len(waits)


def with_simpy(line: Line, customers: int, seed: int) -> float:
    chance, world, waits = random.Random(seed), simpy.Environment(), []
    servers = simpy.Resource(world, capacity=line.servers)

    def customer():
        came = world.now
        with servers.request() as turn:
            yield turn
            waits.append(world.now - came)
            yield world.timeout(line.one_service(chance))

    def arrivals():
        for _ in range(customers):
            yield world.timeout(chance.expovariate(line.arrival_rate))
            world.process(customer())

    world.process(arrivals())
    world.run()
    return sum(waits) / len(waits)


def with_visible_loop(line: Line, customers: int, seed: int) -> float:
    rng = Generator(SFC64(seed))
    arrivals = np.cumsum(exponential(1 / line.arrival_rate).draw(rng, customers))
    visits = serve(arrivals, line.services.draw(rng, customers), line.servers)
    return (sum(visits.started) - sum(visits.arrived)) / customers


def with_fast_path(line: Line, customers: int, seed: int) -> float:
    rng, gaps = Generator(SFC64(seed)), exponential(1 / line.arrival_rate)
    done = simulate(gaps, line.services, line.servers, rng=rng, customers=customers, lines=2048)
    return done.mean_wait.mean


SIMULATORS = {  # name: simulator, and customers in a run
    "Ciw": (with_ciw, 20_000),
    "SimPy": (with_simpy, 50_000),
    "visible loop": (with_visible_loop, 50_000),
    "fast path": (with_fast_path, 2**26),
}


def measure(simulator: Callable, line: Line, customers: int, seed: int) -> tuple[float, float]:
    """Customers per CPU second, and their mean wait."""
    gc.collect()
    began = time.process_time()
    wait = simulator(line, customers, seed)
    return customers / (time.process_time() - began), wait


def row(line: Line, name: str, runs: np.ndarray, simpy_speed: float) -> tuple[str, list[str]]:
    """A line of the table, and what is wrong with it. runs: (RUNS, 2), speed and mean wait of each."""
    speed, waits = runs[:, 0].max(), runs[:, 1]
    ratio, wait, margin = speed / simpy_speed, waits.mean(), STUDENT * waits.std(ddof=1) / sqrt(RUNS)
    agrees = abs(wait - line.theory) <= 2 * margin
    faults = [] if agrees else [f"{name} on {line.name}: mean wait {wait:.4g}, theory {line.theory:.4g}"]
    if ratio < TARGETS.get(name, 0):
        faults.append(f"{name} on {line.name}: {ratio:.0f} times SimPy, the target is {TARGETS[name]}")
    text = (f"| {line.name} | {name:12} | {speed / 1e6:10.3f} | {ratio:7.1f} | {wait:7.4f} ± {margin:.4f} "
            f"| {line.theory:7.4f} | {'yes' if agrees else 'NO':6} |")  # fmt: skip
    return text, faults


def main() -> int:
    work = list(product(range(RUNS), LINES, SIMULATORS))
    runs = {(line.name, name): [] for _, line, name in work}
    for run, line, name in tqdm(work, unit="run", leave=False):
        simulator, customers = SIMULATORS[name]
        runs[line.name, name].append(measure(simulator, line, customers, seed=1961 + run))
    print(f"Load {LOAD:.0%}, mean service 1, best of {RUNS} runs; M/G/1: short and long services, scv 4")
    print("| line  | simulator    | M cust./s  | × SimPy | mean wait (95 %) | theory  | agrees |")
    print("|-------|--------------|-----------:|--------:|-----------------:|--------:|--------|")
    faults = []
    for line, name in product(LINES, SIMULATORS):
        simpy_speed = max(speed for speed, _ in runs[line.name, "SimPy"])
        text, wrong = row(line, name, np.array(runs[line.name, name]), simpy_speed)
        print(text)
        faults += wrong
    print("\n".join(faults) or "All targets are met.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
