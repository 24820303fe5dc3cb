// One model version: verdict, picture, evidence, numbers.

/** What the address asks of a model view, made whole. */
function modelViewOf(model) {
  const { query } = place();
  const metrics = model.metrics();
  const { places, references } = shownWindows(model, query.get("show"));
  const asked = query.get("window");
  const picked = asked === null ? null : model.placed(asked);
  return {
    places, references, picked,
    metric: metrics.includes(query.get("metric")) ? query.get("metric") : metrics[0],
    segment: model.segments.includes(query.get("segment")) ? query.get("segment") : "all",
    column: query.get("column"),
    drift: query.get("drift"),
    alert: query.get("alert"),
    show: query.get("show") ?? "60",
    everything: query.get("columns") === "all",
    everySegment: query.get("segments") === "all",
  };
}

function modelTools(model, view, metrics) {
  const chosen = (yes) => (yes ? new Markup("selected") : "");
  const ranges = [["60", "newest 60"], ["200", "newest 200"], ["all", "all"]].filter(([value], k) => k === 0 || value === "all" || model.kept > 60);
  return html`<div class="tools">
    <label>Metric <select data-do="pickMetric" data-value="${view.metric}">${metrics.map((one) => html`<option value="${one}" ${chosen(one === view.metric)}>${metricName(one)}</option>`)}</select></label>
    ${model.segments.length > 1 ? html`<label>Segment <select data-do="pickSegmentFrom" data-value="${view.segment}">${model.segments.map((one) => html`<option value="${one}" ${chosen(one === view.segment)}>${one === "all" ? "all rows" : one}</option>`)}</select></label>` : ""}
    <label>Windows <select data-do="pickRange" data-value="${view.show}">${ranges.map(([value, text]) => html`<option value="${value}" ${chosen(value === view.show)}>${text}</option>`)}</select></label></div>`;
}

function modelView(answer, parts, trouble) {
  const model = answer;
  const view = modelViewOf(model);
  const shownModel = view.segment !== "all" && parts ? parts : model;
  const shownView = shownModel === model ? view : modelViewOf(shownModel);
  const last = model.newest === null ? null : model.window(model.newest);
  const open = alertStories(model.alerts).filter((story) => story.open).at(-1);
  return html`<article class="model">
    <p class="crumb"><a href="${address("/")}" data-link>Overview</a></p>
    <header class="model-head"><h1>${title(model.model, model.version)}</h1>${stateBadge(model.state, true)}${model.since ? html`<span class="note">for ${since(model.since)}</span>` : ""}</header>
    <p class="verdict">${verdictParts(model.verdict)}</p>
    <dl class="facts">
      <div><dt>Last window</dt><dd>${last ? html`${last.start ? html`<span title="${local(last.start)} to ${local(last.end)}">${span(last.start, last.end)}</span>` : `window ${last.index}`}<span class="soft">, ${plural(last.rows, "row")}</span>` : html`none yet: <span class="soft">it is awaited since ${utc(opened)}</span>`}</dd></div>
      <div><dt>Targets</dt><dd>${last && is(last.coverage) ? html`${percent(last.coverage, 0)} of it<span class="soft">${last.final ? ", final" : ", more may come"}</span>` : html`<span class="soft">none are expected</span>`}</dd></div>
      <div><dt>Windows</dt><dd>${count(model.kept)}${model.references ? html`<span class="soft">, and ${count(model.references)} of the reference</span>` : ""}</dd></div>
      <div><dt>Alert</dt><dd>${open ? html`<span class="severity ${open.worst.severity}">${open.worst.severity}</span> ${deeds[open.worst.action] ?? ""}` : html`<span class="soft">none is open</span>`}</dd></div>
    </dl>
    ${view.picked !== null ? html`<p class="picked-note">Figures are of <strong>${model.named(view.picked)}</strong>, ${span(at(model.windows.start, view.picked), at(model.windows.end, view.picked))}. <button type="button" class="quiet" data-do="pickNewest">Back to the newest</button></p>` : ""}
    ${performanceSection(shownModel, shownView)}
    ${whySection(model, view)}
    ${whereSection(model, view, parts, trouble)}
    ${qualitySection(model, view)}
    ${alertsSection(model, view)}
    ${numbersSection(model, view)}
  </article>`;
}

/** All figures of performance of the picked window. */
function numbersSection(model, view) {
  const i = view.picked ?? model.newest;
  if (i === null || !model.metrics().length) return "";
  const every = [...new Set(model.series.filter((one) => (one.kind === "estimated" || one.kind === "realized") && (one.segment ?? "all") === "all").map((one) => one.metric))].sort((a, b) => (b === model.primary) - (a === model.primary));
  const cell = (one) => {
    if (!one) return html`<span class="soft">–</span>`;
    const value = at(one.value, i);
    const error = at(one.sampling_error, i);
    return is(value) ? html`${amount(one.metric, value, model.currencies)}${is(error) ? html` <span class="soft">\u00b1 ${doubt(one.metric, error, model.currencies)}</span>` : ""}${isOut(one, i) ? outSign : ""}` : html`<span class="soft">${reason(at(one.status, i))}</span>`;
  };
  const w = model.window(i);
  return html`<section data-key="numbers"><header><h2>Figures of ${model.named(i)}</h2><p class="note">\u00b1 three standard errors; ${plural(w.rows, "row")}${w.epoch !== null ? `, epoch ${w.epoch}` : ""}${w.late_rows ? `, ${plural(w.late_rows, "late row")}` : ""}${w.rejected_rows ? `, ${plural(w.rejected_rows, "rejected row")}` : ""}</p></header>
    <div class="scroll"><table class="figures list"><caption class="unseen">All figures of performance of ${model.named(i)}</caption><thead><tr><th scope="col">metric</th><th scope="col" class="n">estimated</th><th scope="col" class="n">realized</th><th scope="col" class="n">realized, reweighted</th><th scope="col">expected</th></tr></thead>
    <tbody>${every.map((metric) => {
      const [guess, truth, reweighted] = [model.estimated(metric), model.realized(metric), model.first("realized", { metric, method: "post_stratified" })];
      const judge = guess ?? truth;
      const out = [guess, truth].some((one) => isOut(one, i));
      return html`<tr class="${out ? "out" : ""}"><th scope="row" data-name="metric">${metricName(metric)}</th><td class="n" data-name="estimated">${cell(guess)}</td><td class="n" data-name="realized">${cell(truth)}</td><td class="n" data-name="realized, reweighted">${cell(reweighted === truth ? null : reweighted)}</td><td data-name="expected">${expected(judge, i, model.currencies)}</td></tr>`;
    })}</tbody></table></div>
    <p class="note">Profile ${model.profile ?? "none"}, settings ${model.settings ?? "unknown"}.</p></section>`;
}

function modelCharts(root, answer, parts) {
  const view = modelViewOf(answer);
  const shownModel = view.segment !== "all" && parts ? parts : answer;
  performanceCharts(root, shownModel, shownModel === answer ? view : modelViewOf(shownModel));
  whyCharts(root, answer, view);
  whereCharts(root, parts);
  qualityCharts(root, answer, view);
}

actions.pickMetric = (select) => changeView({ metric: select.value });
actions.pickSegmentFrom = (select) => changeView({ segment: select.value === "all" ? null : select.value });
actions.pickSegment = (button) => changeView({ segment: button.dataset.segment }, true);
actions.pickRange = (select) => {
  changeView({ show: select.value === "60" ? null : select.value });
  refresh();
};
actions.pickDrift = (select) => changeView({ drift: select.value });
actions.pickNewest = () => changeView({ window: null });
actions.allColumns = () => changeView({ columns: "all" });
actions.allSegments = () => changeView({ segments: "all" });
actions.closeColumn = () => {
  const { query } = place();
  const column = query.get("column");
  changeView({ column: null });
  document.querySelector(`[data-do="openColumn"][data-column="${CSS.escape(column ?? "")}"]`)?.focus();
};
actions.openColumn = (button) => {
  const { query } = place();
  changeView({ column: query.get("column") === button.dataset.column ? null : button.dataset.column }, true);
};

/** A click on a window picks it; on the picked one, lets it go. */
actions.pickWindow = (i) => {
  const model = api.model;
  if (!model || i < model.references) return;
  const index = String(at(model.windows.index, i));
  changeView({ window: place().query.get("window") === index ? null : index });
};

function openColumn(column, i) {
  const model = api.model;
  const changed = { window: i >= model.references ? String(at(model.windows.index, i)) : null };
  if (column !== null) changed.column = column;
  changeView(changed, true);
  document.querySelector(".column")?.scrollIntoView({ block: "nearest", behavior: calm() });
}

function changeView(changed, pushed) {
  turn(changed, pushed);
  render();
  wantParts();
}
