"""The curves as SVG: queries per second over recall, a panel for each set."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 300, 56, 44, 34
COLOURS = {"ours": "#1b7837", "theirs": "#b2182b"}
DASHES = {10: "none", 100: "5 3"}
RECALLS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


def svg(results):
    """The text of the file."""
    panels = "".join(
        f'<g transform="translate({i % 2 * WIDTH} {i // 2 * HEIGHT})">{_panel(result)}</g>' for i, result in enumerate(results)
    )
    width, height = 2 * WIDTH, -(-len(results) // 2) * HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{panels}</svg>\n'
    )


def _panel(result):
    points = result.curves
    places = [_across(point["recall"]) for point in points]
    rates = [math.log10(point["qps"]) for point in points]
    left, right = min(places) - 0.05, max(places) + 0.05
    low, high = min(rates) - 0.05, max(rates) + 0.05

    def x(recall):
        return LEFT + (_across(recall) - left) / (right - left) * (WIDTH - LEFT - 16)

    def y(qps):
        return HEIGHT - BOTTOM - (math.log10(qps) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    parts = [_text(WIDTH / 2, 16, f"{result.name}: {result.rows:,} x {result.dim}, {result.metric}", size=13)]
    for recall in RECALLS:
        if left <= _across(recall) <= right:
            parts += [_line(x(recall), TOP, x(recall), HEIGHT - BOTTOM), _text(x(recall), HEIGHT - BOTTOM + 14, f"{recall:g}")]
    for exponent in range(math.floor(low), math.ceil(high) + 1):
        for digit in (1, 2, 5):
            qps = digit * 10**exponent
            if low <= math.log10(qps) <= high:
                parts += [_line(LEFT, y(qps), WIDTH - 16, y(qps)), _text(LEFT - 4, y(qps) + 4, f"{qps:,.0f}", "end")]
    parts.append(_text(WIDTH / 2, HEIGHT - 12, "recall"))
    parts.append(_text(12, TOP - 6, "queries/s", "start"))
    for n, (side, k) in enumerate(sorted({(point["side"], point["k"]) for point in points})):
        mine = [point for point in points if (point["side"], point["k"]) == (side, k)]
        style = f'fill="none" stroke="{COLOURS[side]}" stroke-width="1.6" stroke-dasharray="{DASHES[k]}"'
        at = [(x(point["recall"]), y(point["qps"])) for point in mine]
        parts.append(f'<polyline {style} points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in at)}"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2" fill="{COLOURS[side]}"/>' for a, b in at]
        below = TOP + 10 + 14 * n
        parts.append(f'<line x1="{WIDTH - 130}" x2="{WIDTH - 104}" y1="{below}" y2="{below}" {style}/>')
        parts.append(_text(WIDTH - 98, below + 4, f"{mine[0]['label']}, k={k}", "start"))
    return "".join(parts)


def _across(recall):
    """Recall on an axis where each nine is as far from the next."""
    return -math.log10(max(1 - recall, 1e-4))


def _line(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x, y, text, anchor="middle", size=11):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
