"use strict";
// What is wrong now, and where to look.

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  Object.assign(made, attributes);
  return made;
}

/** A command in a box, copied by a button. */
function command(text) {
  const box = element("span", "", { className: "command" });
  const button = element("button", "Copy", { type: "button" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  box.append(element("code", text), button);
  return box;
}

/** The command that shows the logs around a moment. */
function logsCommand(environment, filter, since) {
  return `make logs ENV=${environment} ${filter} SINCE="${journalTime(since)}"`;
}

function panelOf(alert, settings) {
  const panels = settings.sections.flatMap((section) => section.panels);
  return panels.find(({ id }) => id === alert.annotations.panel);
}

function describe(alert, settings) {
  const { labels, annotations } = alert;
  const since = new Date(alert.activeAt);
  const item = element("li", "", { className: `${alert.state} ${labels.severity ?? ""}` });
  const where = labels.host ?? labels.instance;
  item.append(element("strong", labels.alertname), where ? ` on ${where}` : "");
  item.append(element("span", ` since ${since.toLocaleString()}`, { className: "soft" }));
  for (const text of [annotations.summary, annotations.cause]) {
    if (text) item.append(element("p", text));
  }
  const links = element("p", "", { className: "links" });
  const panel = panelOf(alert, settings);
  if (panel) links.append(element("a", `Chart: ${panel.title}`, { href: `#${panel.id}` }));
  const runbook = annotations.runbook_url ?? "";
  // Without an address of its own it is a file of the repository.
  const isAddress = /^https?:\/\//.test(runbook);
  if (isAddress) links.append(element("a", "Runbook", { href: runbook, rel: "noreferrer" }));
  else if (runbook) links.append(element("span", `Runbook: ${runbook}`));
  item.append(links);
  const before = new Date(since.getTime() - 300_000);
  const filter = settings.topics[labels.topic] ?? panel?.logs ?? "ONLY=errors";
  item.append(command(logsCommand(settings.environment, filter, before)));
  return item;
}

/** Show the alerts of Prometheus, those that fire first. */
async function showAlerts(target, settings) {
  const { alerts } = await ask("alerts", {});
  const wanted = alerts.filter(({ labels }) => labels.severity !== "none");
  // What fires before what is pending, critical before warning, the newest first.
  const order = ({ state, labels }) => `${state} ${labels.severity}`;
  wanted.sort((a, b) => order(a).localeCompare(order(b)) || b.activeAt.localeCompare(a.activeAt));
  const firing = wanted.filter(({ state }) => state === "firing").length;
  document.title = firing ? `(${firing}) ${settings.domain}` : settings.domain;
  target.className = firing ? "firing" : "";
  const list = element("ul");
  list.append(...wanted.map((alert) => describe(alert, settings)));
  target.replaceChildren(
    element("h2", firing ? `${firing} alert${firing > 1 ? "s" : ""}` : "No alert"),
    ...(wanted.length ? [list] : []),
  );
}
