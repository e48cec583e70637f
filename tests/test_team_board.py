"""The board: work within the hour, and a figure that keeps its size whatever there is to say."""

from math import isclose

import matplotlib.pyplot as plt
import pytest

from coursekit import plots, team_board
from coursekit.team_floor import Choice, Floor
from coursekit.team_health import recommendations, vitals
from coursekit.team_jobs import CREW, JOBS


class First:
    def choose(self, floor, run, part):
        return Choice(floor.able(part)[0].name, 0.0, 1)

    def learn(self, *_):
        """Nothing."""


@pytest.fixture
def floor():
    floor = Floor(CREW, First(), deaths={"judge": 90}, truth={"scout": 0.0, "miner": 0.0})
    for at in range(0, 200, 12):
        floor.submit(JOBS["report"], at)
    floor.run()
    yield floor
    plt.close("all")


@pytest.mark.parametrize("minute", [0, 30, 61.5, 150, 400])
def test_work_is_that_of_the_last_hour_minute_by_minute(floor, minute):
    for name in CREW:
        mine = [entry for entry in floor.log if entry.agent == name]
        ticks = [minute - 60 + (k + 0.5) / 100 for k in range(6000)]
        busy = sum(any(e.started <= t < e.ended for e in mine) for t in ticks) / 100
        assert isclose(team_board.worked(floor, name, minute), busy, abs_tol=0.1)


def test_the_board_says_who_is_gone_how_all_are_and_keeps_its_size(floor):
    boxes, most = set(), 0
    for minute in range(0, 240, 30):
        ax = team_board.draw(floor, minute)
        ax.figure.canvas.draw()
        boxes.add(tuple(round(edge, 2) for edge in ax.get_position().bounds))
        agents, joint, _ = vitals(floor, minute)
        advice, said = recommendations(agents, joint), [text.get_text() for text in ax.texts]
        most = max(most, len(advice))
        assert said.count("gone") == (minute >= 90) and len(said) == len(CREW) + 1
        assert all(line in plots.describe(ax.figure) for line in advice)
        assert f"and {len(advice) - 2} more" in said[-1] if len(advice) > 3 else advice[-1] in said[-1]
        assert [label.get_text() for label in ax.get_yticklabels()] == list(CREW) and ax.yaxis_inverted()
    assert len(boxes) == 1 and most > 3
