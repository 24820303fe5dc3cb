// One column: how its values lie in the reference and in the window, and its figures.

/** What was asked for of columns; kept by what it is of. */
const distributions = new Map();

function distribution(model, column, i, redraw) {
  const index = at(model.windows.index, i);
  const key = JSON.stringify([model.model, model.version, column, index, at(model.windows.revision, i)]);
  if (!distributions.has(key)) {
    if (distributions.size > 200) distributions.clear();
    distributions.set(key, { asked: new Date() });
    askColumn(model.model, model.version, column, index)
      .then((found) => distributions.set(key, { found }))
      .catch((error) => distributions.set(key, { error, gone: error.code === 404 }))
      .finally(redraw);
  }
  return distributions.get(key);
}

/** Counts or shares, as shares. */
function shares(counts) {
  const total = counts.reduce((sum, one) => sum + (one ?? 0), 0);
  return counts.map((one) => (total ? (one ?? 0) / total : 0));
}

function distributionView(state, name) {
  if (state.error) return html`<p class="notice ${state.gone ? "" : "bad"}">${state.gone ? "No distribution of this window is kept" : "The distribution cannot be had"}: ${state.error.message}. The drift figures beside it are not affected.</p>`;
  if (!state.found) return html`<p class="notice waiting">Asking for the distribution of ${name}…</p>`;
  const { found } = state;
  const [before, here] = [shares(found.reference), shares(found.observed)];
  const legend = html`<ul class="legend">
    <li><svg viewBox="0 0 22 12" aria-hidden="true"><rect class="was" x="1" y="2" width="20" height="10"/></svg>reference, ${plural(found.rows?.reference, "row")}</li>
    <li><svg viewBox="0 0 22 12" aria-hidden="true"><path class="is" d="M1 12V3h20v9"/></svg>window ${found.window}, ${plural(found.rows?.observed, "row")}</li></ul>`;
  const id = `distribution-${name}`;
  const labels = found.form === "categorical" ? found.categories.map(String) : found.reference.map((_, k) => `${number(found.edges?.[k])} to ${number(found.edges?.[k + 1])}`);
  const table = tableFold(id, `Distribution of ${name}`, [found.form === "categorical" ? "value" : "from and to", "share of the reference", "share of the window"], () => labels.map((label, k) => [label, before[k], here[k]]));
  const apart = (pair, words) => (pair?.some((share) => share > 0) ? html`<p class="note">${words(pair)}</p>` : "");
  const beside = html`${apart(found.missing, ([was, is_]) => `Missing, and not in the picture: ${percent(was)} of the reference, ${percent(is_)} of the window.`)}${apart(found.outside, ([below, above]) => `Beyond the picture in the window: ${percent(below)} below it, ${percent(above)} above.`)}`;
  return html`${legend}${found.form === "categorical" ? categoryBars(labels, before, here) : steps(found, before, here)}${beside}${table}`;
}

function steps({ edges }, before, here) {
  const bins = before.length;
  const top = Math.max(...before, ...here, 1e-9);
  const y = (share) => (100 - (share / top) * 96).toFixed(2);
  const x = (k) => ((k * 1000) / bins).toFixed(2);
  const outline = here.map((share, k) => `${k ? "L" : "M"}${x(k)} ${y(share)}H${x(k + 1)}`).join("").replace(/L(\S+) (\S+?)H/g, "V$2H");
  const wanted = narrow.matches ? 4 : 7;
  const step = Math.max(1, Math.ceil(bins / wanted));
  const marks = [];
  for (let k = 0; k <= bins; k += step) marks.push(k);
  const differ = before.map((share, k) => Math.abs(share - here[k]));
  const most = differ.indexOf(Math.max(...differ));
  return html`<figure class="steps" role="img" aria-label="Shares of rows by value: the greatest difference lies between ${number(edges?.[most])} and ${number(edges?.[most + 1])}, ${percent(before[most])} in the reference and ${percent(here[most])} in the window">
    <div class="y"><span>${percent(top)}</span><span>0</span></div>
    <svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
    ${before.map((share, k) => html`<rect class="was" x="${x(k)}" width="${(1000 / bins).toFixed(2)}" y="${y(share)}" height="${(100 - y(share)).toFixed(2)}"><title>${number(edges?.[k])} to ${number(edges?.[k + 1])}: reference ${percent(share)}, window ${percent(here[k])}</title></rect>`)}
    <path class="is" d="M0 100V${y(here[0])}${outline.replace(/^M\S+ \S+?H/, "H")}V100"/></svg>
    <div class="x">${marks.map((k) => html`<span style="left:${((k * 100) / bins).toFixed(2)}%">${edges && is(edges[k]) ? number(edges[k], 3) : k === 0 ? "lower" : k === bins ? "higher" : ""}</span>`)}</div>
    <figcaption>share of rows in each bin of the profile</figcaption></figure>`;
}

const categoryLimit = 12;
function categoryBars(labels, before, here) {
  const order = labels.map((_, k) => k).sort((a, b) => Math.max(before[b], here[b]) - Math.max(before[a], here[a]));
  const top = Math.max(...before, ...here, 1e-9);
  const width = (share) => ((share / top) * 100).toFixed(1);
  return html`<table class="bars"><caption class="unseen">Shares of rows by value</caption><thead class="unseen"><tr><th>value</th><th>shares</th><th>reference</th><th>window</th></tr></thead><tbody>
    ${order.slice(0, categoryLimit).map((k) => html`<tr><th scope="row">${labels[k]}</th><td class="pair"><i class="was" style="width:${width(before[k])}%"></i><i class="is" style="width:${width(here[k])}%"></i></td>
    <td class="n soft">${percent(before[k])}</td><td class="n">${percent(here[k])}</td></tr>`)}</tbody></table>
    ${order.length > categoryLimit ? html`<p class="note">${plural(order.length - categoryLimit, "more value", "more values")}, rarer than these: in the table.</p>` : ""}`;
}

const columnSummaries = ["mean", "standard_deviation", "median", "sum"];

/** The panel of a column: drift over windows, distribution, figures. */
function columnView(model, column, i, redraw) {
  const drift = model.all("drift", { column });
  const rank = model.ranking.find((one) => one.column === column);
  const order = model.ranking.findIndex((one) => one.column === column) + 1;
  const figures = [...drift, ...model.all("quality", { column }), ...columnSummaries.flatMap((metric) => model.all("summary", { metric, column }))];
  const correlation = rank && is(rank.correlation)
    ? html`Its drift goes together with the change of estimated ${metricName(model.primary)}: correlation ${number(rank.correlation, 3)}${order ? html`, rank ${order} of ${model.ranking.length}` : ""}.`
    : html`Its drift has not been compared with performance yet: that takes several windows.`;
  return html`<section class="column" data-key="column-${column}" aria-label="Column ${column}">
    <header><h3>${column}</h3><p class="note">${capital(model.named(i))}, ${span(at(model.windows.start, i), at(model.windows.end, i)) || "without times"}</p>
    <button type="button" class="quiet close" data-do="closeColumn">Close<span class="unseen"> ${column}</span></button></header>
    <p>${correlation}</p>
    <div class="halves"><div>${i < model.references ? html`<p class="notice">A window of the reference is the reference: pick a window right of the rule.</p>` : distributionView(distribution(model, column, i, redraw), column)}</div>
    <div class="scroll"><table class="figures list"><caption class="unseen">Figures of ${column}</caption><thead><tr><th scope="col">figure</th><th scope="col" class="n">value</th><th scope="col">expected</th></tr></thead>
    <tbody>${figures.map((one) => figureRow(one, i))}</tbody></table></div></div></section>`;
}

function figureRow(one, i) {
  const value = at(one.value, i);
  const status = at(one.status, i);
  const breach = isOut(one, i);
  const label = one.kind === "drift" ? `drift: ${metricName(one.metric)}` : metricName(one.metric);
  return html`<tr class="${breach ? "out" : ""}"><th scope="row" data-name="figure">${label}</th>
    <td class="n" data-name="value">${is(value) ? amount(one.metric, value) : reason(status)}${breach ? outSign : ""}</td>
    <td data-name="expected">${expected(one, i)}</td></tr>`;
}

const outSign = html` <span class="outside"><svg viewBox="0 0 10 10" aria-hidden="true"><path d="M5 0 10 5 5 10 0 5z"/></svg><span class="unseen">outside</span></span>`;

/** What lies between the thresholds, in words. */
function expected(one, i, currencies) {
  const [low, high] = [at(one.lower_threshold, i), at(one.upper_threshold, i)];
  const shownAs = (value) => amount(one.metric, value, currencies);
  const p = at(one.p_value, i);
  if (is(low) && is(high)) return low === high ? shownAs(low) : `${shownAs(low)} to ${shownAs(high)}`;
  if (is(high)) return `at most ${shownAs(high)}`;
  if (is(low)) return `at least ${shownAs(low)}`;
  return is(p) ? `p ${number(p, 2)}` : "no threshold";
}
