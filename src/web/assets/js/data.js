// Where the figures come from: the service over HTTP, or what a report carries inside; and the address that says
// which of them are shown.

const api = {
  report: null, // what a report carries; null where a service is asked
  overview: null,
  model: null,
  parts: null, // performance of the model's segments
  service: null,
  trouble: null, // { text, since } while the service cannot be asked
  skew: 0, // by how much the service's clock is ahead of the browser's
};

const now = () => new Date(api.report ? api.report.made_at : Date.now() + api.skew);

/** Reads what a report carries, if this is one. */
async function openReport() {
  const plain = document.getElementById("data");
  const packed = document.getElementById("data-gz");
  if (plain) {
    api.report = JSON.parse(plain.textContent);
  } else if (packed) {
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    api.report = JSON.parse(await new Response(stream).text());
  }
  if (api.report) api.overview = api.report.overview;
}

/** What cannot be had, in a sentence. `code` is the answer's, 0 where there was none. */
class Refusal extends Error {
  constructor(text, code) {
    super(text);
    this.code = code;
  }
}

async function ask(path) {
  let answer;
  try {
    answer = await fetch(path, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(15_000) });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Refusal(late ? `${location.host} has not answered ${path} within 15 s` : `${location.host} does not answer`, 0);
  }
  const text = await answer.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(`${location.host} answered ${path} with ${answer.status} and something that is not JSON`, answer.status);
  }
  if (!answer.ok) throw new Refusal(body.error ?? `${location.host} answered ${path} with ${answer.status}`, answer.status);
  return body;
}

const modelPath = (model, version) => `/api/models/${encodeURIComponent(model)}/${encodeURIComponent(version || "-")}`;

async function askOverview() {
  if (api.report) return api.overview;
  const overview = await ask("/api/overview");
  api.skew = new Date(overview.now).getTime() - Date.now();
  api.overview = overview;
  return overview;
}

/** No more windows than are shown, but as far back as the one that is picked. */
async function askModel(model, version, parts) {
  if (!api.report) {
    const { query } = place();
    const asked = new URLSearchParams(parts ? { segments: "all" } : {});
    const show = query.get("show");
    if (show !== "all") asked.set("windows", Number(show) || 60);
    if (/^\d+$/.test(query.get("window") ?? "")) asked.set("window", query.get("window"));
    return ask(`${modelPath(model, version)}?${asked}`);
  }
  const found = api.report.models[`${model}/${version}`];
  if (!found) throw new Refusal(`the report holds no model ${model} ${version}`, 404);
  return found;
}

async function askColumn(model, version, column, window) {
  if (api.report) {
    const found = api.report.columns?.[`${model}/${version}`]?.[column];
    if (!found) throw new Refusal(`the report holds no distribution of ${column}`, 404);
    return found;
  }
  const query = is(window) ? `?window=${window}` : "";
  return ask(`${modelPath(model, version)}/columns/${encodeURIComponent(column)}${query}`);
}

// The address.

/** What the address asks for. In a report it stands behind the #, as a file has no other. */
function place() {
  const text = api.report ? location.hash.slice(1) || "/" : location.pathname + location.search;
  const [path, query = ""] = text.split("?");
  const parts = path.split("/").slice(1).map(decodePart);
  const asked = new URLSearchParams(query);
  if (parts[0] === "m" && parts[1]) return { view: "model", model: parts[1], version: parts[2] === "-" ? "" : (parts[2] ?? ""), query: asked };
  if (parts[0] === "service") return { view: "service", query: asked };
  if (parts[0] === "" || parts[0] === "index.html") return { view: "overview", query: asked };
  return { view: "nowhere", query: asked };
}

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function address(path, query) {
  const text = query?.toString();
  return (api.report ? "#" : "") + path + (text ? `?${text}` : "");
}

const modelAddress = (model, version, query) => address(`/m/${encodeURIComponent(model)}/${encodeURIComponent(version || "-")}`, query);

/** Changes what the address asks for; null takes a part out. A step that a person would take back is `pushed`. */
function turn(changes, pushed = false) {
  const at = place();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") at.query.delete(name);
    else at.query.set(name, value);
  }
  const path = at.view === "model" ? modelAddress(at.model, at.version, at.query) : address(at.view === "service" ? "/service" : "/", at.query);
  if (pushed) history.pushState(null, "", path);
  else history.replaceState(null, "", path);
}

// What is inside of a model's answer.

/** A field at window `i`; one value stands for many that are the same. */
const at = (field, i) => (Array.isArray(field) ? field[i] : field);

/** Whether a figure is outside its thresholds in window `i`. One breach may stand for all windows: those that have a value. */
const isOut = (one, i) => Boolean(one) && at(one.breach, i) === true && is(at(one.value, i));

/** A model's answer with what is looked for often. `i` counts its windows, those of the reference first. */
class Model {
  constructor(answer) {
    Object.assign(this, { alerts: [], ranking: [], segments: ["all"] }, answer);
    const { dataset } = this.windows;
    this.length = dataset.length;
    this.references = dataset.filter((name) => name === "reference").length;
    this.newest = this.length > this.references ? this.length - 1 : null;
    this.kept ??= this.length - this.references;
  }

  window(i) {
    const taken = {};
    for (const [name, field] of Object.entries(this.windows)) taken[name] = at(field, i) ?? null;
    return taken;
  }

  all(kind, { metric, method, column, segment = "all", of } = {}) {
    const fits = (wanted, found) => wanted === undefined || (wanted ?? null) === (found ?? null);
    return this.series.filter((one) =>
      one.kind === kind && (one.segment ?? "all") === segment && fits(metric, one.metric) && fits(method, one.method) && fits(column, one.column) && fits(of, one.of));
  }

  first(kind, wanted) {
    return this.all(kind, wanted)[0] ?? null;
  }

  /** Metrics of performance that have a series, the primary one first. */
  metrics() {
    const found = [...new Set([...this.all("estimated"), ...this.all("realized")].map((one) => one.metric))];
    return found.sort((a, b) => (b === this.primary) - (a === this.primary));
  }

  estimated(metric, segment) {
    return this.first("estimated", { metric, segment });
  }

  /** The naive one: the reweighted one stands beside it in the table. */
  realized(metric, segment) {
    const found = this.all("realized", { metric, segment });
    return found.find((one) => one.method === "labelled" || one.method === null) ?? found[0] ?? null;
  }

  /** The place of an analysis window by its index; the newest where nothing is asked or it is not there. */
  placed(index) {
    const { dataset, index: numbers } = this.windows;
    for (let i = this.length - 1; i >= this.references; i--) {
      if (at(dataset, i) === "analysis" && String(at(numbers, i)) === String(index)) return i;
    }
    return null;
  }

  named(i) {
    const number = at(this.windows.index, i);
    return i < this.references ? `reference window ${number}` : `window ${number}`;
  }
}

/** What is drawn: the newest windows of the analysis as many as asked for, and before them some of the reference. */
function shownWindows(model, asked) {
  const analysis = model.length - model.references;
  const wanted = asked === "all" ? analysis : Math.min(analysis, Number(asked) || 60);
  const before = asked === "all" ? model.references : Math.min(model.references, Math.max(6, Math.round(wanted / 3)));
  const places = [];
  for (let i = model.references - before; i < model.references; i++) places.push(i);
  for (let i = model.length - wanted; i < model.length; i++) places.push(i);
  return { places, references: before };
}
