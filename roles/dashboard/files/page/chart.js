"use strict";
// One chart: lines over time, with a mark where a release began.

const COLORS = ["#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#06b6d4", "#ec4899", "#84cc16"];
const HEIGHT = 170;
const POWERS = Array.from({ length: 50 }, (_none, index) => 2 ** index);

function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function marksPlugin(marks) {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx, bbox } = plot;
        const pixels = devicePixelRatio;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = themed("--mark");
        ctx.font = `${11 * pixels}px system-ui, sans-serif`;
        ctx.setLineDash([4 * pixels, 4 * pixels]);
        for (const { time, name } of marks) {
          const x = plot.valToPos(time, "x", true);
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          const right = x > bbox.left + bbox.width / 2;
          ctx.textAlign = right ? "right" : "left";
          ctx.fillText(name, x + (right ? -4 : 4) * pixels, bbox.top + 11 * pixels);
        }
        ctx.restore();
      },
    },
  };
}

function names(panel, found) {
  const list = document.createElement("ul");
  list.className = "names";
  const values = found.map(({ name, color }) => {
    const entry = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = color;
    const value = document.createElement("b");
    entry.append(swatch, name || panel.title, value);
    list.append(entry);
    return value;
  });
  const point = (index) => {
    found.forEach((line, number) => {
      values[number].textContent = show(panel.unit, line.values[index]);
    });
  };
  return { list, point };
}

/** Draw a panel's lines into an element, in place of what is there; returns how to undo it. */
function draw(element, panel, { times, lines: found }, marks) {
  element.replaceChildren();
  if (!found.length) {
    const note = document.createElement("p");
    note.className = "empty";
    note.textContent = panel.empty ?? "No data in this time.";
    element.append(note);
    return () => {};
  }
  found.forEach((line, index) => {
    line.color = panel.colors?.[line.name] ?? COLORS[index % COLORS.length];
  });
  const last = times.length - 1;
  const { list, point } = names(panel, found);
  const axis = { stroke: themed("--soft"), grid: { stroke: themed("--grid"), width: 1 }, ticks: { show: false } };
  const plot = new uPlot(
    {
      width: Math.max(element.clientWidth, 100),
      height: HEIGHT,
      legend: { show: false },
      cursor: { sync: { key: "dashboard" }, y: false, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (_plot, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
      axes: [axis, { ...axis, size: 68, incrs: panel.unit.startsWith("bytes") ? POWERS : undefined, values: (_plot, ticks) => ticks.map((tick) => show(panel.unit, tick)) }],
      series: [
        {},
        ...found.map(({ name, color }) => ({
          label: name,
          stroke: color,
          width: 1.5,
          fill: found.length === 1 ? `${color}22` : undefined,
          points: { show: times.length < 30 },
        })),
      ],
      plugins: [marksPlugin(marks)],
      hooks: { setCursor: [({ cursor }) => point(cursor.idx ?? last)] },
    },
    [times, ...found.map(({ values }) => values)],
    element,
  );
  point(last);
  element.append(list);
  const observer = new ResizeObserver(() => {
    const width = Math.max(element.clientWidth, 100);
    if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
  });
  observer.observe(element);
  return () => {
    observer.disconnect();
    plot.destroy();
  };
}
