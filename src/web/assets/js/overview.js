// All models, a row each, worst first: does somebody have to act?

const manyModels = 12; // above it rows are one line high, and only who is not well says why

function overviewView(overview) {
  const { query } = place();
  const words = (query.get("q") ?? "").trim().toLowerCase();
  const wanted = new Set((query.get("state") ?? "").split(",").filter((state) => states[state]));
  const { models } = overview;
  const order = (one) => {
    const k = stateOrder.indexOf(one.state);
    return k < 0 ? stateOrder.length : k;
  };
  const named = models.filter((one) => !words || `${one.model} ${one.version} ${one.problem} ${one.verdict}`.toLowerCase().includes(words));
  const found = named.filter((one) => !wanted.size || wanted.has(one.state)).map((one, k) => ({ one, k })).sort((a, b) => order(a.one) - order(b.one) || a.k - b.k).map(({ one }) => one);
  return html`<div class="overview ${models.length > manyModels ? "many" : ""}">
    <h1 class="verdict">${overviewVerdict(models)}</h1>
    ${waitingNotice(overview)}
    ${models.length > 1 ? html`<form class="filter" role="search" data-key="filter"><label class="unseen" for="q">Filter by text</label><input id="q" type="search" placeholder="Filter by name or verdict" data-do="filterText" value="${query.get("q") ?? ""}" autocomplete="off">
      <div class="choices" role="group" aria-label="Filter by state">${stateOrder.map((state) => {
        const n = named.filter((one) => one.state === state).length;
        return n || wanted.has(state) ? html`<button type="button" class="choice" data-key="${state}" data-do="filterState" data-state="${state}" aria-pressed="${wanted.has(state)}">${stateBadge(state)}<span class="soft">${n}</span></button>` : "";
      })}</div></form>` : ""}
    ${!models.length ? emptyOverview(overview) : !found.length ? html`<p class="notice">No model fits the filter. <button type="button" class="quiet" data-do="filterNone">Show all ${count(models.length)}</button></p>` : html`
    <div class="models-head" aria-hidden="true"><span>state</span><span>model</span><span>performance</span><span class="n">newest</span><span>last window</span><span class="n">targets</span><span>alert</span></div>
    <ol class="models">${found.map((one) => modelRow(one, models.length > manyModels))}</ol>
    <ul class="legend"><li><svg viewBox="0 0 28 12" aria-hidden="true"><path class="estimated line" d="M0 6h28"/><circle class="estimated hollow" cx="24" cy="6" r="3"/></svg>estimated</li><li><svg viewBox="0 0 28 12" aria-hidden="true"><path class="realized line" d="M0 6h28"/><circle class="realized full" cx="24" cy="6" r="3"/></svg>realized</li><li><svg viewBox="0 0 28 12" aria-hidden="true"><rect class="within" y="1" width="28" height="10"/></svg>within the thresholds</li></ul>`}
  </div>`;
}

function overviewVerdict(models) {
  if (!models.length) return "No model has been seen yet";
  const of = (state) => models.filter((one) => one.state === state);
  const names = (some) => (some.length <= 3 ? `: ${some.map((one) => [one.model, one.version].filter(Boolean).join(" ")).join(", ")}` : "");
  const bad = of("degraded");
  const rest = ["watch", "silent", "unknown"].map((state) => [state, of(state).length]).filter(([, n]) => n).map(([state, n]) => (state === "watch" ? `${n} to watch` : `${n} ${state}`));
  const others = rest.length ? `; ${rest.join(", ")}` : "";
  if (bad.length) return models.length === 1 ? `${[bad[0].model, bad[0].version].filter(Boolean).join(" ")} is degraded` : `${bad.length} of ${models.length} models ${bad.length === 1 ? "is" : "are"} degraded${names(bad)}${others}`;
  if (rest.length) return models.length === 1 ? `${[models[0].model, models[0].version].filter(Boolean).join(" ")}: ${states[models[0].state]?.means ?? models[0].state}` : `No model is degraded${others}`;
  return models.length === 1 ? `${[models[0].model, models[0].version].filter(Boolean).join(" ")} is well` : `All ${models.length} models are well`;
}

function waitingNotice(overview) {
  const parts = Object.entries(overview.waiting ?? {});
  if (api.report || (overview.ready && !parts.length)) return "";
  return html`<div class="notice waiting"><p>${overview.ready ? "vigie is ready, and still reads what was published before: windows may be missing below." : html`<strong>vigie is not ready.</strong> Figures below may be older than they look until it is.`}</p>${parts.length ? html`<ul>${parts.map(([part, why]) => html`<li>${part}: ${why}</li>`)}</ul>` : ""}</div>`;
}

function emptyOverview(overview) {
  return html`<div class="empty"><p>A model shows up here when its first window is sealed: after as many predictions as a window has, or at the end of its period.</p>
    <p>Waiting since ${utc(opened)} (${lasting(opened, now())}). ${overview.ready ? "vigie is ready and reads." : ""}</p>
    <p>If it takes longer than it should: <a href="${address("/service")}" data-link>the service</a> shows whether predictions arrive, how far it has read, and what it could not read.</p></div>`;
}

function modelRow(one, many) {
  const { window: last, primary, alert } = one;
  const calm = one.state === "well";
  const newest = (values) => [...(values ?? [])].reverse().find(is);
  const [guess, truth] = [newest(primary?.estimated), newest(primary?.realized)];
  return html`<li data-key="${one.model}/${one.version}"><a class="model-row" href="${modelAddress(one.model, one.version)}" data-link>
    <span class="cell-state">${stateBadge(one.state)}<span class="note since">${one.since ? html`${since(one.since)}` : ""}</span></span>
    <span class="cell-name">${title(one.model, one.version)}</span>
    <span class="cell-spark">${spark(primary)}</span>
    <span class="cell-newest n">${is(guess) || is(truth) ? html`<span class="metric">${metricName(primary.metric)}</span>${is(guess) ? html`<span class="guess"><span class="unseen">estimated </span>${even(guess)}</span>` : html`<span class="guess soft">–</span>`}${is(truth) ? html`<span class="truth"><span class="unseen">realized </span>${even(truth)}</span>` : html`<span class="truth soft"><span class="unseen">realized </span>–</span>`}` : html`<span class="soft">no figure</span>`}</span>
    <span class="cell-window">${last ? html`<time datetime="${last.end}" title="${utc(last.end)}; ${local(last.end)}">${last.end ? moment(last.end) : `window ${last.index}`}</time> <span class="soft">${plural(last.rows, "row")}</span>` : html`<span class="soft">none yet</span>`}</span>
    <span class="cell-targets n">${last && is(last.coverage) ? percent(last.coverage, 0) : html`<span class="soft">–</span>`}<span class="unseen"> of its targets</span></span>
    <span class="cell-alert">${alert ? html`<span class="severity ${alert.severity}">${alert.severity}</span>` : html`<span class="soft">none</span>`}</span>
    ${calm && many ? "" : html`<span class="cell-verdict">${readable(one.verdict)}</span>`}
  </a></li>`;
}

/** The primary metric in one picture: estimated and realized, between the thresholds. */
function spark(primary) {
  const all = [...(primary?.estimated ?? []), ...(primary?.realized ?? [])].filter(is);
  if (!all.length) return html`<span class="soft spark-none">no figure yet</span>`;
  const limits = [primary.lower_threshold, primary.upper_threshold].filter(is);
  let [low, high] = [Math.min(...all, ...limits), Math.max(...all, ...limits)];
  if (low === high) [low, high] = [low - 1, high + 1];
  const pad = (high - low) * 0.12;
  const n = Math.max(primary.estimated?.length ?? 0, primary.realized?.length ?? 0);
  const [wide, tall] = [180, 24];
  const x = (k) => 4 + (n > 1 ? (k * (wide - 10)) / (n - 1) : wide - 10);
  const y = (value) => tall - 1 - ((value - low + pad) / (high - low + 2 * pad)) * (tall - 2);
  const path = (values) => {
    let going = false;
    return (values ?? []).map((value, k) => {
      if (!is(value)) {
        going = false;
        return "";
      }
      const step = `${going ? "L" : "M"}${x(k).toFixed(1)} ${y(value).toFixed(1)}${going ? "" : "h.01"}`;
      going = true;
      return step;
    }).join("");
  };
  const end = (values) => {
    const k = (values ?? []).findLastIndex(is);
    return k < 0 ? null : [x(k).toFixed(1), y(values[k]).toFixed(1)];
  };
  const [top, foot] = [is(primary.upper_threshold) ? y(primary.upper_threshold) : 0, is(primary.lower_threshold) ? y(primary.lower_threshold) : tall];
  const [guess, truth] = [end(primary.estimated), end(primary.realized)];
  return html`<svg class="spark" preserveAspectRatio="xMinYMid meet" viewBox="0 0 ${wide} ${tall}" aria-hidden="true">${limits.length ? html`<rect class="within" x="0" width="${wide}" y="${top.toFixed(1)}" height="${Math.max(0, foot - top).toFixed(1)}"/>` : ""}
    <path class="estimated line" d="${path(primary.estimated)}"/><path class="realized line" d="${path(primary.realized)}"/>
    ${guess ? html`<circle class="estimated hollow" cx="${guess[0]}" cy="${guess[1]}" r="2.6"/>` : ""}${truth ? html`<circle class="realized full" cx="${truth[0]}" cy="${truth[1]}" r="2.4"/>` : ""}</svg>`;
}

actions.filterText = (input) => {
  turn({ q: input.value });
  render();
};
actions.filterState = (button) => {
  const chosen = new Set((place().query.get("state") ?? "").split(",").filter(Boolean));
  if (!chosen.delete(button.dataset.state)) chosen.add(button.dataset.state);
  turn({ state: [...chosen].join(",") });
  render();
};
actions.filterNone = () => {
  turn({ q: null, state: null });
  const input = document.getElementById("q");
  if (input) input.value = "";
  render();
};
document.addEventListener("submit", (event) => event.preventDefault());
