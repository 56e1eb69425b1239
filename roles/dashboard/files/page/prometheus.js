"use strict";
// Questions to Prometheus, a few at a time: it shares a small host with what it watches.

const AT_ONCE = 4;
let running = 0;
const waiting = [];

async function ask(path, parameters) {
  if (running >= AT_ONCE) await new Promise((resume) => waiting.push(resume));
  running += 1;
  try {
    // Without the password that a bookmark may hold: fetch refuses such an address.
    const base = location.origin + location.pathname;
    const url = new URL(`api/${path}?${new URLSearchParams(parameters)}`, base);
    // A phone changes its network now and then: once more.
    const answer = await fetch(url).catch(() => fetch(url));
    const body = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
    if (body.status !== "success") throw new Error(body.error || `status ${answer.status}`);
    return body.data;
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

/** The time span that is shown: whole steps, so that a repeated question finds the same points. */
function spanOf(range) {
  const step = Math.max(15, Math.ceil(range / 240 / 15) * 15);
  const end = Math.floor(Date.now() / 1000 / step) * step;
  return { start: end - Math.floor(range / step) * step, end, step };
}

function windowed(expression, step) {
  return expression.replaceAll("$window", `${Math.max(120, step)}s`);
}

function legend(template, labels) {
  return template.replace(/{{(\w+)}}/g, (_all, name) => labels[name] ?? "").trim();
}

/** One number now, or null. */
async function instant(expression) {
  const { result } = await ask("query", { query: windowed(expression, 0) });
  return result.length ? Number(result[0].value[1]) : null;
}

/** All lines of a panel: { times, lines: [{ name, values }] }, null where there is no value. */
async function lines(panel, span) {
  const { start, end, step } = span;
  const count = Math.round((end - start) / step) + 1;
  const times = Array.from({ length: count }, (_none, index) => start + index * step);
  const answers = await Promise.all(
    panel.queries.map(({ expr }) =>
      ask("query_range", { query: windowed(expr, step), start, end, step }),
    ),
  );
  const found = answers.flatMap(({ result }, index) =>
    result.map(({ metric, values }) => {
      const line = new Array(count).fill(null);
      for (const [time, text] of values) {
        const value = Number(text);
        if (Number.isFinite(value)) line[Math.round((time - start) / step)] = value;
      }
      return { name: legend(panel.queries[index].legend, metric), values: line };
    }),
  );
  const sum = ({ values }) => values.reduce((total, value) => total + value, 0);
  if (panel.top) found.sort((a, b) => sum(b) - sum(a)).splice(panel.top);
  return { times, lines: found };
}

/** When each release was first seen within the span: [{ time, name }]. */
async function releases(expression, span) {
  const panel = { queries: [{ expr: expression, legend: "{{version}}" }] };
  const seen = await lines(panel, span);
  return seen.lines
    .map(({ name, values }) => ({ name, index: values.findIndex((value) => value !== null) }))
    .filter(({ index }) => index > 0)
    .map(({ name, index }) => ({ name, time: seen.times[index] }));
}
