"""The table that is printed."""


def number(value):
    """A number in four digits or so."""
    if value is None:
        return "—"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def table(results, labels, versions, options):
    """Lines of text, a block for each set and the count of targets met at the end. `labels` are ours and theirs."""
    lines = [
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        ", ".join(f"{name} = {options[name]}" for name in ("m", "ef_construction", "rounds", "builds")),
        "A ratio is the first to the second, the median over rounds in which both had their turn.",
    ]
    met = missed = open_ = 0
    for result in results:
        lines += ["", f"{result.name}: {result.rows:,} x {result.dim}, {result.metric}, {result.queries} queries"]
        rows = [("", *labels, "ratio", "target", "")]
        for row in result.lines:
            verdict = ""
            if row.target:
                verdict = {True: "met", False: "MISSED", None: "open"}[row.met]
                met, missed, open_ = met + (row.met is True), missed + (row.met is False), open_ + (row.met is None)
            note = " · ".join(text for text in (verdict, row.note) if text)
            rows.append((row.measure, number(row.ours), number(row.theirs), number(row.ratio), row.target or "", note))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3)), row[4].ljust(widths[4]), row[5]]
            lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join([*lines, "", f"targets: {met} met, {missed} missed, {open_} open"])
