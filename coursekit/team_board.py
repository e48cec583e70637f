"""The board of a team: work of the last hour, who is alive, the health of each and of all, and what to do.

    team_board.draw(floor, minute=150)

Taught in: notebooks/19_agent_teams.ipynb
"""

from matplotlib.axes import Axes

from coursekit import plots
from coursekit.team_floor import Floor
from coursekit.team_health import agent_health, grade, recommendations, team_health, vitals

ROOM = 3  # lines of advice below the figure, always, so that it keeps its size


def worked(floor: Floor, name: str, minute: float, window: float = 60.0) -> float:
    """Minutes of work of an agent within the last `window`; work that was never finished is not counted."""
    mine = [entry for entry in floor.log if entry.agent == name]
    return sum(max(0.0, min(e.ended, minute) - max(e.started, minute - window)) for e in mine)


def draw(floor: Floor, minute: float) -> Axes:
    """One bar an agent, first on top; beside it its health, or "gone". The title is the state of the team."""
    agents, joint, under_way = vitals(floor, minute)
    advice, health = recommendations(agents, joint), team_health(agents, joint)
    title = f"Minute {minute}: health {health:.2f}, grade {grade(health)}, jobs under way: {under_way}"
    x = "minutes of work in the last hour; beside each bar, the agent's health"
    ax = plots.axes(title, x, "", alt=". ".join(advice), size=(7, 3.8))
    work = {name: worked(floor, name, minute) for name in agents}
    ax.barh(list(work), list(work.values()), color=plots.COLOURS["measured"])
    for i, (name, state) in enumerate(agents.items()):
        says = f"{agent_health(state):.2f}" if state.availability else "gone"
        ax.text(work[name] + 0.7, i, says, va="center")
    ax.set_xlim(0, 60)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    lines = advice if len(advice) <= ROOM else [*advice[: ROOM - 1], f"and {len(advice) - ROOM + 1} more"]
    ax.text(0, -0.24, "\n".join(lines + [""] * (ROOM - len(lines))), transform=ax.transAxes, va="top")
    return ax
