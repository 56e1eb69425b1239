"""Figures for the node exporter's textfile collector."""

from collections.abc import Mapping

from settings import TEXTFILES


def write(name: str, figures: Mapping[str, tuple[str, float]], **labels: object) -> None:
    """Replace a file of figures.

    Args:
        name: of the file, without its ending.
        figures: help text and value by the metric's name.
        labels: of all of them.
    """
    text = ",".join(f'{key}="{value}"' for key, value in labels.items())
    lines = []
    for metric, (help_text, value) in figures.items():
        lines += [f"# HELP {metric} {help_text}", f"# TYPE {metric} gauge"]
        lines.append(f"{metric}{{{text}}} {value:.3f}")
    part = TEXTFILES / f"{name}.prom.part"
    part.write_text("\n".join(lines) + "\n")
    part.chmod(0o644)
    part.rename(TEXTFILES / f"{name}.prom")


def remove(*kinds: str) -> None:
    """Forget the figures of backups or of drills, so that nobody takes them for new ones."""
    for kind in kinds:
        for path in TEXTFILES.glob(f"{kind}-*.prom"):
            path.unlink()


def read(name: str, metric: str) -> float | None:
    """One figure of a file; None when there is none."""
    try:
        lines = (TEXTFILES / f"{name}.prom").read_text().splitlines()
    except FileNotFoundError:
        return None
    values = [line.rpartition(" ")[2] for line in lines if line.startswith(f"{metric}{{")]
    return float(values[0]) if values else None
