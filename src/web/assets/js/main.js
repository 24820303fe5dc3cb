// Which view the address asks for, what it needs, and what happens when there is something new.

const opened = new Date();
const root = document.getElementById("main");

/** Paints what is known now. */
function render() {
  const here = place();
  paint(document.getElementById("views"), navigation(here));
  const known = { overview: api.overview, model: api.model, service: api.service }[here.view];
  const stale = here.view === "model" && known && (known.model !== here.model || known.version !== here.version);
  root.dataset.view = here.view;
  if (here.view === "nowhere") {
    paint(root, html`<div class="empty"><h1 class="verdict">There is no such view</h1><p><a href="${address("/")}" data-link>The overview</a> lists every model.</p></div>`);
  } else if (!known || stale) {
    paint(root, api.trouble ? troubleView(api.trouble) : loadingView(here));
  } else {
    const late = api.trouble ? html`<p class="notice bad" role="alert" data-key="trouble">${capital(api.trouble.text)}. What is shown is of ${utc(api.trouble.good ?? api.trouble.since)}; it asks again by itself.</p>` : "";
    const view = here.view === "overview" ? overviewView(known) : here.view === "service" ? serviceView(known) : modelView(known, api.parts, api.partsTrouble);
    paint(root, html`${late}${view}`);
    if (here.view === "model") modelCharts(root, known, api.parts);
  }
  // A step back brings the words back, unless somebody types.
  const typed = document.getElementById("q");
  if (typed && typed !== document.activeElement) typed.value = here.query.get("q") ?? "";
  document.title = named(here);
  paint(document.getElementById("foot"), html`${api.report ? html`Report made ${utc(api.report.made_at)}` : html`${api.overview ? `vigie ${api.overview.engine}, instance ${api.overview.instance}` : "vigie"}`}. Times are UTC.`);
}
const renderSoon = soon(render, 20);

function navigation(here) {
  const link = (view, path, text) => html`<a href="${address(path)}" data-link ${here.view === view ? new Markup('aria-current="page"') : ""}>${text}</a>`;
  return html`${link("overview", "/", "Overview")}${api.report && !api.report.service ? "" : link("service", "/service", "Service")}`;
}

function named(here) {
  if (here.view === "model") {
    const state = api.model?.model === here.model ? api.model.state : null;
    return `${state && state !== "well" ? `${capital(state)}: ` : ""}${here.model} ${here.version} – vigie`;
  }
  if (here.view === "service") return "Service – vigie";
  const bad = api.overview?.models.filter((one) => one.state === "degraded").length;
  return `${bad ? `${bad} degraded – ` : ""}${api.report?.title ?? "vigie"}`;
}

function loadingView(here) {
  const what = here.view === "model" ? `the figures of ${here.model} ${here.version}` : here.view === "service" ? "the state of the service" : "the state of all models";
  return html`<div class="empty loading"><p>Asking ${location.host || "the report"} for ${what}, since ${utc(opened)}…</p><i aria-hidden="true"></i><i aria-hidden="true"></i><i aria-hidden="true"></i></div>`;
}

function troubleView({ text, code, since: from }) {
  const gone = code === 404;
  return html`<div class="empty bad" role="alert"><h1 class="verdict">${gone ? "There is nothing here" : "No answer"}</h1><p>${capital(text)}.</p>
    ${gone ? html`<p>It may not have a sealed window yet, or its name is written in another way. <a href="${address("/")}" data-link>The overview</a> lists every model.</p>`
      : html`<p>Since ${utc(from)}; it asks again every few seconds. If it stays so, see whether the process runs and what its log says.</p>`}
    <p><button type="button" data-do="again">Ask again now</button></p></div>`;
}

/** Asks for what the view shows, and paints it. */
let asking = null;
let again = false;
async function refresh() {
  if (asking) {
    again = true;
    return asking;
  }
  asking = gather().finally(() => {
    asking = null;
    if (again) {
      again = false;
      refresh();
    }
  });
  return asking;
}

async function gather() {
  const here = place();
  try {
    const [overview, special] = await Promise.all([
      askOverview(),
      here.view === "model" ? askModel(here.model, here.version) : here.view === "service" ? (api.report ? api.report.service : ask("/api/service")) : null,
    ]);
    if (here.view === "model") takeModel(here, special);
    if (here.view === "service") api.service = special;
    tellStates(overview);
    api.trouble = null;
    api.good = new Date();
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error);
    api.trouble = { text: error instanceof Refusal ? error.message : `the answer cannot be shown: ${error.message}`, code: error.code, since: api.trouble?.since ?? new Date(), good: api.good };
    if (!api.report) setTimeout(refresh, 5000);
  }
  render();
  await wantParts();
}

function takeModel(here, answer) {
  const same = api.model && api.model.model === answer.model && api.model.version === answer.version;
  api.model = new Model(answer);
  if (!same) api.parts = api.partsTrouble = null;
  api.partsOf = null;
}

/** Performance of segments is asked for apart: there may be a hundred. */
async function wantParts() {
  const model = api.model;
  if (place().view !== "model" || !model || model.segments.length < 2 || api.partsOf === model) return;
  api.partsOf = model;
  try {
    const parts = new Model(await askModel(model.model, model.version, true));
    if (api.model !== model) return;
    api.parts = parts;
    api.partsTrouble = null;
  } catch (error) {
    api.partsTrouble = `The segments cannot be had: ${error.message}.`;
  }
  render();
}

/** Who listens hears when a model's state changes, not of every window. */
const heard = new Map();
function tellStates(overview) {
  const news = [];
  for (const one of overview.models) {
    const key = `${one.model} ${one.version}`;
    if (heard.has(key) && heard.get(key) !== one.state) news.push(`${key} is now ${one.state}`);
    heard.set(key, one.state);
  }
  if (news.length) say(news.join("; "));
}

actions.again = () => {
  api.trouble = null;
  render();
  refresh();
};

actions.skip = (link, event) => {
  event.preventDefault(); // what follows # is the address in a report
  root.focus();
};

// Links within the page change the address, not the document.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", api.report && !link.getAttribute("href").startsWith("#") ? "#/" : link.getAttribute("href"));
  arrive(true);
});
addEventListener("popstate", () => arrive(false));
addEventListener("hashchange", () => arrive(false));

function arrive(byHand) {
  api.trouble = null;
  render();
  if (byHand) {
    scrollTo(0, 0);
    root.focus({ preventScroll: true });
  }
  refresh();
}

// What is new comes by server-sent events.
function live() {
  const sign = document.getElementById("live");
  const show = (state, text, hint) => paint(sign, html`<span class="live-sign ${state}" title="${hint}">${text}</span>`);
  if (api.report) {
    show("still", `report of ${api.report.made_at.slice(0, 10)}`, `Figures as they were at ${utc(api.report.made_at)}`);
    return;
  }
  show("waiting", "connecting", "Asking for what is new");
  const source = new EventSource("/events");
  const news = atMost(refresh, 150);
  let lost = null;
  source.addEventListener("open", () => {
    show("on", "live", "New windows show up by themselves");
    if (lost) refresh();
    lost = null;
  });
  source.addEventListener("error", () => {
    lost ??= new Date();
    show("off", `not live since ${clock(lost)} UTC`, "The connection broke; it tries again by itself");
    if (source.readyState === EventSource.CLOSED) setTimeout(live, 5000);
  });
  for (const kind of ["window", "alert", "ready"]) source.addEventListener(kind, news);
  source.addEventListener("alert", (event) => {
    try {
      const alert = JSON.parse(event.data);
      say(`Alert ${alert.event}: ${alert.model} ${alert.version}`);
    } catch {
      // What it says is asked for anyway.
    }
  });
}

// Ages grow while nothing comes.
setInterval(() => { if (!document.hidden && !document.activeElement?.matches("select")) render(); }, 15_000);

try {
  await openReport();
} catch (error) {
  api.trouble = { text: `what the report carries cannot be read: ${error.message}`, since: new Date() };
}
render();
live();
refresh();
