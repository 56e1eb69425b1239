"use strict";
// Builds the page from the list of panels, and keeps what is seen of it current.

const settings = JSON.parse(document.getElementById("settings").textContent);
const RANGES = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };
const state = { range: "1h", marks: [], span: null, ready: false };
const cards = [];
const seen = new Set();
const fault = document.getElementById("fault");

function buildTiles() {
  return settings.tiles.map((tile) => {
    const value = element("b", "…");
    const link = element("a", "", { href: `#${tile.panel}`, className: "tile", id: `tile-${tile.id}` });
    link.append(element("span", tile.title), value);
    document.getElementById("tiles").append(link);
    return async () => {
      const number = await instant(tile.expr);
      value.textContent = show(tile.unit, number);
      const bad = number !== null && (number < (tile.below ?? -Infinity) || number > (tile.above ?? Infinity));
      link.classList.toggle("bad", bad);
    };
  });
}

function buildPanel(panel) {
  const card = element("article", "", { id: panel.id });
  const heading = element("h3", panel.title);
  const chart = element("div", "", { className: "chart" });
  const more = element("details");
  more.append(element("summary", "Logs and queries"));
  card.append(heading, chart, more);
  let undo = () => {};
  const update = async () => {
    const { span, marks } = state;
    const data = await lines(panel, span);
    if (span !== state.span) return;
    undo();
    undo = draw(chart, panel, data, marks);
    const since = new Date(span.start * 1000);
    more.replaceChildren(
      more.firstElementChild,
      command(logsCommand(settings.environment, panel.logs, since)),
      ...panel.queries.map(({ expr }) => element("code", expr)),
    );
    card.dataset.drawn = span.end;
  };
  cards.push({ card, update, span: null });
  return card;
}

function buildSections() {
  for (const { title, panels } of settings.sections) {
    const section = element("section");
    const id = title.toLowerCase().replaceAll(" ", "-");
    const grid = element("div", "", { className: "grid" });
    grid.append(...panels.map(buildPanel));
    section.append(element("h2", title, { id: `section-${id}` }), grid);
    document.getElementById("sections").append(section);
    document.getElementById("links").append(element("a", title, { href: `#section-${id}` }));
  }
}

function tell(error) {
  fault.hidden = !error;
  fault.textContent = error ? `Prometheus does not answer: ${error.message}` : "";
}

/** Wait for all; then fail with the first error, if there is one. */
async function all(promises) {
  const failed = (await Promise.allSettled(promises)).find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

/** Draw what is in view and not yet of the present span; what fails is due again. */
function drawSeen() {
  const due = cards.filter((entry) => seen.has(entry.card) && entry.span !== state.span);
  return all(
    due.map(async (entry) => {
      entry.span = state.span;
      try {
        await entry.update();
      } catch (error) {
        entry.span = null;
        throw error;
      }
    }),
  );
}

async function refresh(tiles) {
  state.span = spanOf(RANGES[state.range]);
  try {
    state.marks = await releases(settings.releases, state.span);
    // First what matters most: questions are asked in this order.
    const alerts = showAlerts(document.getElementById("alerts"), settings);
    const asked = [alerts, ...tiles.map((tile) => tile())];
    state.ready = true;
    await all([...asked, drawSeen()]);
    document.getElementById("updated").textContent = new Date().toLocaleTimeString();
    tell(null);
  } catch (error) {
    tell(error);
  }
}

function buildRanges(changed) {
  const chosen = new URLSearchParams(location.search).get("range");
  if (chosen in RANGES) state.range = chosen;
  for (const range of Object.keys(RANGES)) {
    const button = element("button", range, { type: "button" });
    button.setAttribute("aria-pressed", String(range === state.range));
    button.addEventListener("click", () => {
      state.range = range;
      history.replaceState(null, "", `?range=${range}${location.hash}`);
      for (const other of button.parentElement.children) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      changed();
    });
    document.getElementById("ranges").append(button);
  }
}

function start() {
  const tiles = buildTiles();
  buildSections();
  buildRanges(() => refresh(tiles));
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target);
        else seen.delete(target);
      }
      if (state.ready) drawSeen().then(() => tell(null), tell);
    },
    { rootMargin: "200px" },
  );
  for (const { card } of cards) watch.observe(card);
  refresh(tiles);
  setInterval(() => {
    if (!document.hidden) refresh(tiles);
  }, settings.refreshSeconds * 1000);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => refresh(tiles));
  // The place that the address names exists only now.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

start();
