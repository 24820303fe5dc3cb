// Alerts as lanes, a lane a rule, with bars from open to resolved; each opens its evidence.

/** Events by alert: when it was open, and what it says last. */
function alertStories(events) {
  const stories = new Map();
  for (const event of events) {
    if (!stories.has(event.id)) stories.set(event.id, { id: event.id, events: [] });
    stories.get(event.id).events.push(event);
  }
  return [...stories.values()].map((story) => {
    story.events.sort((a, b) => a.sequence - b.sequence);
    const first = story.events[0];
    const last = story.events.at(-1);
    const worst = [...story.events].reverse().find((event) => event.event !== "resolved") ?? last;
    // Without a number are windows that warn while they are open, silence, and the end of a version's alerts.
    const windows = story.events.map((event) => event.window).filter(is);
    return { ...story, first, last, worst, open: last.event !== "resolved", from: windows[0] ?? null, to: windows.at(-1) ?? null };
  });
}

/** The windows that an alert is of, in words. */
function during({ from, to, open }) {
  if (open) return `${from === null ? "by the window that is filling" : `from window ${from} on`}, still open`;
  return from === to ? `window ${to}` : `windows ${from} to ${to}`;
}

/** The rule that an alert is of: what kind of figure decided. */
const ruleOf = (event) => (event.kind === "estimated" || event.kind === "realized" ? "performance" : event.kind === "quality" ? "data quality" : event.kind === "drift" ? "drift" : kinds[event.kind] ?? event.kind);

const decided = (event) => `${event.column_name ? `${event.column_name}: ` : ""}${kinds[event.kind] === event.kind && event.kind !== "drift" ? `${event.kind} ` : ""}${metricName(event.metric)}`;

const deeds = {
  investigate_upstream: "Find out where the inputs that broke or moved come from.",
  retrain: "Targets show that the model has become worse: retrain it.",
  switch_off: "Take the model out of service until it is mended.",
  wait: "Nothing to do yet: more windows will tell.",
  confirm: "An estimate says so, without targets: get some to confirm it.",
};

function alertsSection(model, view) {
  const stories = alertStories(model.alerts);
  if (!stories.length) return html`<section data-key="alerts"><h2>Alerts</h2><p class="notice">No alert has been opened${model.newest === null ? " yet" : ` in ${plural(model.kept, "window")}`}.</p></section>`;
  const n = view.places.length;
  const spotOf = (index) => view.places.indexOf(model.placed(index));
  const lanes = new Map();
  for (const story of stories) {
    const rule = ruleOf(story.first);
    if (!lanes.has(rule)) lanes.set(rule, []);
    lanes.get(rule).push(story);
  }
  const head = ["alert", "event", "window", "severity", "kind", "metric", "column", "value", "lower threshold", "upper threshold", "summary", "action", "since (UTC)"];
  const firstIndex = at(model.windows.index, view.places[view.references] ?? 0);
  const openStories = stories.filter((story) => story.open);
  const picked = stories.find((story) => story.id === view.alert);
  return html`<section data-key="alerts">
    <header><h2>Alerts</h2><p class="note">${openStories.length ? `${openStories.length} open` : "none is open"}, ${plural(stories.length, "alert")} in all</p></header>
    <div class="lanes">${[...lanes].map(([rule, found]) => html`<div class="lane" data-key="lane-${rule}"><span class="lane-name">${rule}</span><div class="track"><i class="lane-rule" style="left:${((view.references / n) * 100).toFixed(2)}%"></i>${found.map((story) => {
      if (!story.open && (story.to === null || story.to < firstIndex)) return "";
      const from = story.from === null ? n - 1 : Math.max(view.references, spotOf(story.from));
      const end = story.open ? n : Math.max(from + 1, spotOf(story.to) + 1);
      return html`<button type="button" class="alert-bar ${story.worst.severity} ${story.open ? "open" : ""}" data-key="${story.id}" data-do="openAlert" data-id="${story.id}" aria-expanded="${story.id === view.alert}" style="left:${((from / n) * 100).toFixed(2)}%;width:${(((end - from) / n) * 100).toFixed(2)}%"
        aria-label="${story.worst.severity} alert by ${decided(story.worst)}, ${during(story)}" title="${decided(story.worst)}"></button>`;
    })}</div></div>`)}</div>
    <ul class="legend"><li><span class="alert-key critical"></span>critical</li><li><span class="alert-key warning"></span>warning</li><li><span class="alert-key critical open"></span>still open</li></ul>
    <ol class="alert-list">${[...stories].reverse().slice(0, picked ? undefined : 5).filter((story, k) => k < 5 || story === picked).map((story) => alertItem(model, story, story.id === view.alert))}</ol>
    ${tableFold("alerts", `Alerts of ${model.model} ${model.version}`, head, () => [...model.alerts].reverse().map((e) => [e.id, e.event, e.window, e.severity, e.kind, e.metric, e.column_name, e.value, e.lower_threshold, e.upper_threshold, e.summary, e.action, e.since]))}
  </section>`;
}

function alertItem(model, story, opened) {
  const { first, last, worst } = story;
  return html`<li data-key="alert-${story.id}"><details class="alert" data-key="d" ${opened ? new Markup("open") : ""} data-alert="${story.id}">
    <summary><span class="severity ${worst.severity}">${worst.severity}</span><span class="alert-what">${decided(worst)}</span>
    <span class="note">${story.open ? html`open for ${since(first.since)}` : html`${(last.resolution ?? "resolved").replaceAll("_", " ")}${story.to === null ? "" : `, ${during(story)}`}`}</span></summary>
    <p>${readable(worst.summary)}</p>
    ${worst.action ? html`<p><strong>What to do</strong> ${deeds[worst.action] ?? worst.action}</p>` : ""}
    ${worst.kind === "early_warning" ? html`<p>${story.open ? "Its window, once it can be judged, confirms it or takes it back." : readable(last.summary)}</p>` : evidenceTable(worst)}
    <p class="note">Alert ${story.id}; ${story.events.map((event) => (event.window === null ? event.event : `${event.event} by window ${event.window}`)).join(", ")}.${worst.result || last.result ? ` Result ${worst.result || last.result}.` : ""}</p>
  </details></li>`;
}

function evidenceTable(event) {
  const { performance = [], drift = [], quality = [], segments = [] } = event.evidence ?? {};
  const rows = [...performance, ...quality, ...drift].map((figure) => ({ figure, name: figure.column_name ?? "" }))
    .concat(segments.map((found) => ({ figure: found.figure ?? found, name: found.segment })));
  if (!rows.length) return html`<p class="note">No other figure was outside its thresholds.</p>`;
  return html`<div class="scroll"><table class="figures list"><caption>Evidence beside it</caption><thead><tr><th scope="col">figure</th><th scope="col">of</th><th scope="col" class="n">value</th><th scope="col">expected</th></tr></thead><tbody>
    ${rows.map(({ figure, name }) => html`<tr><th scope="row" data-name="figure">${figure.kind === "drift" ? "drift, " : figure.kind === "estimated" || figure.kind === "realized" ? `${figure.kind} ` : ""}${metricName(figure.metric)}</th><td data-name="of">${name || "all"}</td><td class="n" data-name="value">${is(figure.value) ? amount(figure.metric, figure.value, { [event.metric]: event.currency }) : reason(figure.status)}</td><td data-name="expected">${expected(figure, 0, { [event.metric]: event.currency })}</td></tr>`)}</tbody></table></div>`;
}

actions.openAlert = (button) => {
  const id = button.dataset.id;
  const opens = place().query.get("alert") !== id;
  turn({ alert: opens ? id : null });
  render();
  const evidence = document.querySelector(`details[data-alert="${CSS.escape(id)}"]`);
  if (!evidence) return;
  evidence.open = opens;
  if (opens) evidence.scrollIntoView({ block: "nearest", behavior: calm() });
};

/** Whether moving things may move. */
const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");
