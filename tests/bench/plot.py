"""The rows that have a peer as a picture (SVG, written here: no library): how many times the peer, and where the goal is.

A figure of which less is better (its goal says "<= 1/n") is shown the other way round, so that longer is always better.
"""

import math
from xml.sax.saxutils import escape

LABEL, CHART, SIDE, LINE, TOP = 470, 470, 190, 26, 64  # pixels
MET, SHORT, INK, PALE = "#2b7a4b", "#c0552b", "#222222", "#cccccc"


def times(row):
    """(how many times the peer, the goal), longer being better."""
    goal = row["goal"]
    if goal.startswith("<= 1/"):
        return 1 / row["ratio"], float(goal.removeprefix("<= 1/"))
    return row["ratio"], float(goal.removeprefix(">= ").removesuffix(" x"))


def text(x, y, words, anchor="start", size=13, colour=INK):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(words)}'
            '</text>')


def rectangle(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def bar(row, y, place):
    """One row: its name, the bar from once the peer to what was measured, a mark at the goal, the figure."""
    ratio, goal = times(row)
    begin, end = sorted((place(1), place(ratio)))
    yield text(LABEL - 12, y + 17, f"{row['name']} : {row['peer_name']}", "end")
    yield rectangle(begin, y + 5, max(end - begin, 1), LINE - 10, MET if row["met"] else SHORT)
    yield rectangle(place(goal) - 1.5, y + 2, 3, LINE - 4, INK)
    yield text(LABEL + CHART + 14, y + 17, f"{ratio:.3g} x   (goal {goal:g} x)")


def picture(rows, when):
    """The whole SVG text; "" where no row has a peer and a goal."""
    rows = [row for row in rows if row["ratio"] and row["goal"]]
    if not rows:
        return ""
    values = [value for row in rows for value in times(row)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def place(value):
        return LABEL + (math.log10(value) - low) / (high - low) * CHART
    width, height = LABEL + CHART + SIDE, TOP + LINE * len(rows) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif">', rectangle(0, 0, width, height, "#ffffff"),
             text(LABEL - 12, 24, f"Jeton against others, {when}", "end", 15),
             text(LABEL, 24, "times as good as the peer; the black mark is the goal", size=13)]
    for power in range(low, high + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0 ** power
            if value <= 10.0 ** high:
                colour = INK if value == 1 else PALE
                parts += [rectangle(place(value) - 0.5, TOP - 6, 1, LINE * len(rows) + 12, colour),
                          text(place(value), TOP - 12, f"{value:g}", "middle", 11)]
    for index, row in enumerate(rows):
        parts += bar(row, TOP + LINE * index, place)
    return "\n".join([*parts, "</svg>\n"])
