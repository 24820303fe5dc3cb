// Why performance changed: the split into shift and concept, and what drifted, columns by rank.

/** Drift series as rows of the map: everything together first, then columns by rank. */
function driftRows(model, view, method) {
  const one = (column, found) => found.find((series) => series.metric === method) ?? found[0];
  const all = model.all("drift");
  const joint = all.filter((series) => !series.column);
  const together = joint.map((series) => ({ name: joint.length > 1 ? capital(metricName(series.metric)) : "all features", column: null, one: series }));
  const byColumn = new Map();
  for (const series of all) {
    if (!series.column) continue;
    if (!byColumn.has(series.column)) byColumn.set(series.column, []);
    byColumn.get(series.column).push(series);
  }
  const breaches = (series) => view.places.reduce((sum, i) => sum + (i >= model.references && isOut(series, i)), 0);
  const ranks = new Map(model.ranking.map((rank, k) => [rank.column, k]));
  const rows = [...byColumn].map(([column, found]) => {
    const series = one(column, found);
    const rank = model.ranking[ranks.get(column)];
    const note = rank && is(rank.correlation) ? `correlation with performance ${number(rank.correlation, 2)}` : null;
    return { name: column, note, column, one: series, out: breaches(series), rank: ranks.get(column) ?? Infinity };
  });
  rows.sort((a, b) => (a.rank === b.rank ? b.out - a.out || a.name.localeCompare(b.name) : a.rank - b.rank));
  return [...together, ...rows];
}

/** Whether a part of the change can be told from chance, in words: beyond three standard errors. */
function toldOf(value, error, status) {
  if (!is(value) || !is(error) || status !== "ok") return status === "ok" || !is(value) ? "" : reason(status);
  return Math.abs(value) > 3 * error ? "" : "not distinguishable from zero";
}

/** The split of the change into shift and concept, as two bars with three standard errors; of the newest window of which targets say so. */
function effects(model, view) {
  const parts = ["performance_change", "covariate_shift_effect", "concept_drift_effect"];
  const [total, ...found] = parts.map((metric) => model.first("diagnosis", { metric, of: view.metric }));
  const shown = found.filter(Boolean);
  const has = (one, k) => one && is(at(one.value, k));
  let i = view.picked;
  for (let k = model.length - 1; i === null && k >= model.references; k--) if (has(found[1], k)) i = k;
  i ??= model.newest;
  if (i === null || !shown.some((one) => has(one, i))) return "";
  const end = (one) => Math.abs(at(one.value, i) ?? 0) + 3 * (at(one.sampling_error, i) ?? 0);
  const most = Math.max(...shown.map(end), 1e-9);
  const place = (value) => 50 + clamp(value / most, -1, 1) * 49;
  const all = has(total, i) ? at(total.value, i) : null;
  const sure = all !== null && !toldOf(all, at(total.sampling_error, i), at(total.status, i));
  const said = all === null ? "no target says yet how much more there is"
    : html`realized, it is ${all < 0 ? "down" : "up"} by <strong>${number(Math.abs(all))}</strong> from the reference${sure ? "" : ", which may be chance"}`;
  return html`<table class="effects"><caption>What the change of ${metricName(view.metric)} in ${model.named(i)} comes from: ${said}</caption><tbody>${shown.map((one) => {
    const [value, error] = [at(one.value, i), at(one.sampling_error, i)];
    const [from, to] = [place(Math.min(0, value ?? 0)), place(Math.max(0, value ?? 0))];
    const told = toldOf(value, error, at(one.status, i));
    const [low, high] = [place((value ?? 0) - 3 * (error ?? 0)), place((value ?? 0) + 3 * (error ?? 0))];
    return html`<tr class="${told ? "unsure" : ""}"><th scope="row">${capital(metricName(one.metric))}</th><td class="split" aria-hidden="true"><i class="zero"></i>${is(value) ? html`<i class="bar-part ${one.metric === "concept_drift_effect" ? "concept" : "shift"}" style="left:${from.toFixed(1)}%;width:${(to - from).toFixed(1)}%"></i>` : ""}${is(value) && is(error) ? html`<i class="whisker" style="left:${low.toFixed(1)}%;width:${(high - low).toFixed(1)}%"></i>` : ""}</td>
      <td class="n">${is(value) ? html`${value > 0 ? "+" : ""}${number(value, 3)}${is(error) ? html` <span class="soft">\u00b1 ${number(3 * error, 2)}</span>` : ""}` : ""}</td><td class="soft">${is(value) ? told : reason(at(one.status, i))}</td></tr>`;
  })}</tbody></table>${magnitude(model, view, i)}`;
}

/** How far the concept itself has moved, where it was learnt again from targets. */
function magnitude(model, view, i) {
  const found = model.all("diagnosis", { metric: "concept_drift_magnitude" });
  const [moved, there] = [found.find((one) => !one.of), found.find((one) => one.of === view.metric)];
  if (!moved || !is(at(moved.value, i))) return "";
  return html`<p class="note">The concept, learnt again from the targets of ${model.named(i)}: on the reference's inputs ${model.problem === "regression" ? "the expected absolute error has" : "the chances of the classes have"} moved by ${number(at(moved.value, i), 2)} on average (expected ${expected(moved, i)})${there && is(at(there.value, i)) ? html`, which changes ${metricName(view.metric)} there by ${number(at(there.value, i), 2)}` : ""}.</p>`;
}

const driftFolded = 30;

function whySection(model, view) {
  const methodsFound = [...new Set(model.all("drift").filter((one) => one.column).map((one) => one.metric))];
  const method = methodsFound.includes(view.drift) ? view.drift : methodsFound[0];
  const rows = driftRows(model, view, method);
  if (!rows.length) return html`<section data-key="why"><h2>Why</h2>${effects(model, view)}<p class="notice">No figure of drift yet: it is made of each window when it is sealed.</p></section>`;
  const shownRows = view.everything || rows.length <= driftFolded + 5 ? rows : rows.slice(0, driftFolded);
  const i = view.picked ?? model.newest;
  const head = ["window", "start (UTC)", "column", "method", "value", "lower threshold", "upper threshold", "p", "breach", "status", "rows"];
  const { windows } = model;
  const tableRowsOf = () => [...Array(model.length).keys()].reverse().flatMap((k) => rows.map(({ name, one }) => [
    at(windows.dataset, k) === "reference" ? `reference ${at(windows.index, k)}` : at(windows.index, k), at(windows.start, k), name, one.metric, at(one.value, k) ?? null, at(one.lower_threshold, k) ?? null, at(one.upper_threshold, k) ?? null,
    at(one.p_value, k) ?? null, isOut(one, k) ? "yes" : "no", at(one.status, k), at(windows.rows, k)]));
  return html`<section data-key="why">
    <header><h2>Why</h2><p class="note">drift by column, those first whose drift goes together with performance</p>
    ${methodsFound.length > 1 ? html`<label>Method <select data-do="pickDrift" data-value="${method}">${methodsFound.map((one) => html`<option value="${one}" ${one === method ? new Markup("selected") : ""}>${metricName(one)}</option>`)}</select></label>` : ""}</header>
    ${effects(model, view)}
    <ul class="legend"><li><span class="ramp" aria-hidden="true">${[0, 1, 2, 3, 4, 5].map((k) => html`<i style="background:var(--heat-${k})"></i>`)}</span>within its threshold, beyond it, eight times and more</li>
    <li><svg viewBox="0 0 14 12" aria-hidden="true"><rect class="heat" width="14" height="12"/><circle class="heat-dot" cx="7" cy="6" r="2.2"/></svg>breach</li><li><svg viewBox="0 0 14 12" aria-hidden="true"><path class="none" d="M4 6h6"/></svg>no figure</li></ul>
    <div class="heat" data-key="heat" data-island></div>
    ${shownRows.length < rows.length ? html`<p class="more"><button type="button" class="quiet" data-do="allColumns">Show all ${plural(rows.length, "row")}</button></p>` : ""}
    ${tableFold("drift", `Drift of ${model.model} ${model.version}`, head, tableRowsOf)}
    ${view.column && i !== null ? columnView(model, view.column, i, renderSoon) : ""}
  </section>`;
}

function whyCharts(root, model, view) {
  const island = root.querySelector('[data-key="heat"]');
  if (!island) return;
  const methodsFound = [...new Set(model.all("drift").filter((one) => one.column).map((one) => one.metric))];
  const rows = driftRows(model, view, methodsFound.includes(view.drift) ? view.drift : methodsFound[0]);
  const shownRows = view.everything || rows.length <= driftFolded + 5 ? rows : rows.slice(0, driftFolded);
  const out = shownRows.filter((row) => row.out).length;
  showChart(island, {
    ...common(model, view),
    rows: shownRows,
    opened: view.column,
    label: `Drift of ${plural(shownRows.length, "row")} over windows; ${out} of them drifted. Arrow keys go through columns and windows, Enter opens a column.`,
    open: (column, i) => openColumn(column, i),
    tell: (row, i) => html`<p class="tip-head">${row.name}</p>${windowLines(model, i)}<table><tbody>${figureLine(metricName(row.one.metric), row.one, i)}<tr><th scope="row">expected</th><td>${expected(row.one, i)}</td></tr></tbody></table>${row.note ? html`<p class="soft">${row.note}</p>` : ""}`,
    speak: (row, i) => `${row.name}, ${model.named(i)}: ${spoken(metricName(row.one.metric), row.one, i)}Expected ${expected(row.one, i)}`,
  }, HeatMap);
}
