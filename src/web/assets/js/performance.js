// Performance over windows: estimated and realized told apart by shape and fill, coverage, and their difference.

const shareMetrics = new Set(["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]);

/** Everything that the charts of a model view have in common. */
function common(model, view) {
  return {
    places: view.places,
    references: view.references,
    picked: view.picked,
    pick: (i) => actions.pickWindow(i),
    start: (i) => at(model.windows.start, i),
    number: (i) => `#${at(model.windows.index, i)}`,
    marks: [],
  };
}

/** Where the epoch, the profile or the version changes, and what a person left out. */
function changes(model, view) {
  const found = [];
  view.places.forEach((i, spot) => {
    const { windows } = model;
    const cause = at(windows.revision_cause, i);
    if (cause === "excluded" || cause === "replaced") {
      const why = at(windows.reason, i);
      found.push({ at: i, kind: "amended", label: `${capital(model.named(i))} was ${cause === "excluded" ? "left out" : "restated"} by a person${why ? `: ${why}` : ""}` });
    }
    if (spot === 0 || i <= model.references || view.places[spot - 1] !== i - 1) return;
    const epoch = at(windows.epoch, i);
    if (epoch !== at(windows.epoch, i - 1) && is(epoch)) {
      const profile = at(windows.profile, i) !== at(windows.profile, i - 1) ? " with another profile" : "";
      found.push({ at: i, between: true, kind: "epoch", label: `New epoch ${epoch}${profile}, from ${model.named(i)}` });
    }
  });
  return found;
}

/** The lines of a tooltip that every chart begins with. */
function windowLines(model, i) {
  const w = model.window(i);
  return html`<p class="tip-head">${capital(model.named(i))}<span>${plural(w.rows, "row")}</span></p>
    ${w.start ? html`<p>${span(w.start, w.end)}<br><span class="soft">${local(w.start)} here</span></p>` : ""}
    ${w.revision_cause === "excluded" || w.revision_cause === "replaced" ? html`<p><strong>${w.revision_cause === "excluded" ? "Left out" : "Restated"} by a person</strong>${w.reason ? `: ${w.reason}` : ""}</p>` : ""}`;
}

function figureLine(name, one, i, currencies) {
  if (!one) return "";
  const value = at(one.value, i);
  const error = at(one.sampling_error, i);
  const status = at(one.status, i);
  const breach = isOut(one, i);
  const unsure = is(value) && status && status !== "ok" ? `, ${reason(status)}` : "";
  return html`<tr class="${breach ? "out" : ""}"><th scope="row">${name}</th><td>${is(value) ? html`${amount(one.metric, value, currencies)}${is(error) ? html` <span class="soft">\u00b1 ${doubt(one.metric, error, currencies)}</span>` : ""}` : reason(status)}${unsure}${breach ? outSign : ""}</td></tr>`;
}

function spoken(name, one, i) {
  if (!one) return "";
  const value = at(one.value, i);
  if (!is(value)) return `${name}: none, ${reason(at(one.status, i))}. `;
  const error = at(one.sampling_error, i);
  return `${name} ${number(value)}${is(error) ? ` plus or minus ${number(3 * error, 2)}` : ""}${isOut(one, i) ? ", outside its thresholds" : ""}. `;
}

/** The chart of a metric of one segment. */
function performanceSpec(model, view, metric, segment, { height, plain, range }) {
  const estimated = model.estimated(metric, segment);
  const realized = model.realized(metric, segment);
  const judge = estimated ?? realized;
  const { windows } = model;
  const whole = segment === "all";
  const strength = (i) => (at(windows.final, i) ? 1 : 0.3 + 0.7 * (at(windows.coverage, i) ?? 0));
  return {
    ...common(model, view),
    height,
    plain,
    range: range ?? performanceRange(model, view, metric, [[estimated, realized]]),
    axis: (level) => amount(metric, level),
    marks: plain ? [] : changes(model, view),
    label: `${capital(metricName(metric))} over windows${whole ? "" : `, segment ${segment}`}. ${overall(model, view, estimated, realized)} Arrow keys go through the windows, Enter picks one.`,
    paint(brush) {
      if (!plain && view.references * brush.pace > 70) brush.words("reference", -0.5);
      if (!plain && view.references && (view.places.length - view.references) * brush.pace > 70) brush.words("analysis", view.references - 0.5);
      if (estimated) brush.band(estimated.lower_confidence, estimated.upper_confidence, "band");
      const taken = [];
      brush.threshold(judge?.upper_threshold, taken);
      brush.threshold(judge?.lower_threshold, taken);
      if (estimated) brush.line(estimated.value, "estimated");
      if (realized) brush.line(realized.value, "realized", 1);
      const dense = brush.pace < 5;
      brush.each((i, spot) => {
        const [guess, truth] = [estimated && at(estimated.value, i), realized && at(realized.value, i)];
        if (!is(guess) && !is(truth)) brush.gap(spot);
        const out = isOut(estimated, i);
        const bad = isOut(realized, i);
        if (estimated && (out || !dense)) brush.mark(spot, guess, { shape: out ? "diamond" : "round", name: out ? "breach" : "estimated" });
        if (realized && (bad || !dense)) brush.mark(spot, truth, { shape: bad ? "diamond" : "round", filled: true, name: bad ? "breach" : "realized", strength: strength(i), size: 3 });
      });
    },
    tell: (i) => html`${windowLines(model, i)}<table><tbody>${figureLine("estimated", estimated, i, model.currencies)}${figureLine("realized", realized, i, model.currencies)}
      ${judge ? html`<tr><th scope="row">expected</th><td>${expected(judge, i, model.currencies)}</td></tr>` : ""}
      ${realized && is(at(windows.coverage, i)) && i >= model.references ? html`<tr><th scope="row">targets</th><td>${percent(at(windows.coverage, i), 0)}${at(windows.final, i) ? ", final" : ", more may come"}</td></tr>` : ""}</tbody></table>
      ${at(windows.closed_by, i) === "max_wait" ? html`<p class="soft">Some partitions were not waited for.</p>` : ""}`,
    speak: (i) => `${capital(model.named(i))}, ${utc(at(windows.start, i))}, ${count(at(windows.rows, i))} rows. ${spoken("Estimated", estimated, i)}${spoken("Realized", realized, i)}${judge ? `Expected ${expected(judge, i)}.` : ""}`,
  };
}

function performanceRange(model, view, metric, pairs) {
  const values = [];
  for (const pair of pairs) {
    for (const one of pair) {
      if (!one) continue;
      for (const field of [one.value, one.lower_threshold, one.upper_threshold, one.lower_confidence, one.upper_confidence]) for (const i of view.places) values.push(at(field, i));
    }
  }
  const limits = shareMetrics.has(metric) ? { least: 0, most: 1 } : {};
  return steadyRange(`${model.model}/${model.version}/${metric}/${view.places.length}`, values, limits);
}

/** A chart in a sentence, for who does not see it. */
function overall(model, view, estimated, realized) {
  const part = (name, one) => {
    if (!one) return "";
    const analysis = view.places.filter((i) => i >= model.references);
    const values = analysis.map((i) => at(one.value, i)).filter(is);
    if (!values.length) return `${name}: no value in these windows.`;
    const out = analysis.filter((i) => isOut(one, i)).length;
    return `${name}: ${number(Math.min(...values))} to ${number(Math.max(...values))}, newest ${number(values.at(-1))}, ${out ? `${out} of ${analysis.length} windows outside the thresholds` : "none outside the thresholds"}.`;
  };
  return `${part("Estimated", estimated)} ${part("Realized", realized)}`;
}

function performanceLegend(model, estimated, realized) {
  const i = model.newest;
  const method = (one) => (one?.method ? ` (${methods[one.method] ?? one.method})` : "");
  const lastTruth = realized && model.newest !== null ? [...Array(model.length).keys()].reverse().find((k) => k >= model.references && is(at(realized.value, k))) : undefined;
  return html`<ul class="legend">
    ${estimated ? html`<li><svg viewBox="0 0 28 12" aria-hidden="true"><rect class="band" y="1" width="28" height="10"/><path class="estimated line" d="M0 6h28"/><circle class="estimated hollow" cx="14" cy="6" r="3.4"/></svg>estimated${method(estimated)}, band: three standard errors${i !== null && is(at(estimated.sampling_error, i)) ? html`, \u00b1 ${doubt(estimated.metric, at(estimated.sampling_error, i), model.currencies)} in the newest` : ""}</li>` : ""}
    ${realized ? html`<li><svg viewBox="0 0 28 12" aria-hidden="true"><path class="realized line" d="M0 6h28"/><circle class="realized full" cx="14" cy="6" r="3.4"/></svg>realized, fainter the fewer targets${lastTruth !== undefined ? html`: ${percent(at(model.windows.coverage, lastTruth), 0)} in the newest` : ": none yet"}</li>` : ""}
    <li><svg viewBox="0 0 28 12" aria-hidden="true"><path class="limit" d="M0 6h28"/></svg>thresholds</li>
    <li><svg viewBox="0 0 28 12" aria-hidden="true"><path class="breach hollow" d="m7 1 5 5-5 5-5-5z"/><path class="breach full" d="m21 1 5 5-5 5-5-5z"/></svg>breach</li>
    <li><svg viewBox="0 0 28 12" aria-hidden="true"><path class="hatch" d="m4 11 7-7m-2 7 7-7m-2 7 7-7m-2 7 7-7"/></svg>no figure</li></ul>`;
}

/** The share of rows that have their target, by window. */
function coverageSpec(model, view) {
  const { windows } = model;
  return {
    ...common(model, view), height: 46, plain: true, range: [0, 1],
    axis: (level) => percent(level, 0),
    label: `Coverage: the share of each window's rows whose target has come. ${model.newest === null ? "" : `Newest ${percent(at(windows.coverage, model.newest), 0)}.`}`,
    paint: (brush) => brush.each((i, spot) => brush.bar(spot, at(windows.coverage, i), brush.old(spot) ? "grey" : "realized", at(windows.final, i) ? 1 : 0.5)),
    tell: (i) => html`${windowLines(model, i)}<table><tbody><tr><th scope="row">targets</th><td>${is(at(windows.coverage, i)) ? percent(at(windows.coverage, i)) : "none are expected"}</td></tr><tr><th scope="row">state</th><td>${at(windows.final, i) ? "final" : `revision ${at(windows.revision, i)}, more may come`}</td></tr></tbody></table>`,
    speak: (i) => `${capital(model.named(i))}: targets for ${percent(at(windows.coverage, i), 0)} of the rows, ${at(windows.final, i) ? "final" : "more may come"}`,
  };
}

/** Estimated minus realized around zero: concept drift where it leaves its band. */
function differenceSpec(model, view, metric) {
  const one = model.first("diagnosis", { metric: "estimated_minus_realized", of: metric });
  if (!one || !view.places.some((i) => is(at(one.value, i)))) return null;
  const values = [0];
  for (const field of [one.value, one.lower_threshold, one.upper_threshold, one.lower_confidence, one.upper_confidence]) for (const i of view.places) values.push(at(field, i));
  const range = steadyRange(`${model.model}/${model.version}/${metric}/difference`, values);
  return {
    ...common(model, view), height: 110, plain: true, range, one,
    label: `Estimated minus realized ${metricName(metric)}. ${overall(model, view, null, one).replace("Realized", "Difference")}`,
    paint(brush) {
      brush.band(one.lower_confidence, one.upper_confidence, "band");
      const { ctx, dot } = brush;
      ctx.fillStyle = colour("rule");
      ctx.fillRect(brush.u.bbox.left, brush.y(0) - dot / 2, brush.u.bbox.width, dot);
      const taken = [];
      brush.threshold(one.upper_threshold, taken);
      brush.threshold(one.lower_threshold, taken);
      brush.line(one.value, "ink", 1);
      brush.each((i, spot) => {
        const out = isOut(one, i);
        if (out || brush.pace >= 5) brush.mark(spot, at(one.value, i), { shape: out ? "diamond" : "round", filled: true, name: out ? "breach" : "ink", size: 2.4 });
      });
    },
    tell: (i) => html`${windowLines(model, i)}<table><tbody>${figureLine("difference", one, i)}<tr><th scope="row">expected</th><td>${expected(one, i)}</td></tr></tbody></table>`,
    speak: (i) => `${capital(model.named(i))}. ${spoken("Estimated minus realized", one, i)}`,
  };
}

function performanceSection(model, view) {
  const { metric, segment } = view;
  const metrics = model.metrics();
  if (!metrics.length) {
    return html`<section data-key="performance"><h2>Performance</h2><p class="notice">${model.problem === "none"
      ? "This model is watched for drift and data quality alone: its settings say problem = \"none\"."
      : model.length ? "No window has a figure of performance yet. An estimate needs probabilities (or, for regression, the profile's loss models); realized figures need targets." : "No window is sealed yet."}</p></section>`;
  }
  const estimated = model.estimated(metric, segment);
  const realized = model.realized(metric, segment);
  const reweighted = model.first("realized", { metric, segment, method: "post_stratified" });
  const difference = segment === "all" && differenceSpec(model, view, metric);
  const { windows } = model;
  const covered = realized && view.places.some((i) => is(at(windows.coverage, i)));
  const head = ["window", "data set", "start (UTC)", "end (UTC)", "rows", "estimated", "its standard error", "estimated: status", "realized", "its standard error", "realized, reweighted", "realized: status", "lower threshold", "upper threshold", "estimated breach", "realized breach", "coverage", "final", "revision", "epoch"];
  const value = (one, field, i) => (one ? at(one[field], i) ?? null : null);
  const answer = (truth) => (truth === null || truth === undefined ? null : truth ? "yes" : "no");
  const rows = () => [...Array(model.length).keys()].reverse().map((i) => [
    at(windows.index, i), at(windows.dataset, i), at(windows.start, i), at(windows.end, i), at(windows.rows, i),
    value(estimated, "value", i), value(estimated, "sampling_error", i), value(estimated, "status", i),
    value(realized, "value", i), value(realized, "sampling_error", i), value(reweighted, "value", i), value(realized, "status", i),
    value(estimated ?? realized, "lower_threshold", i), value(estimated ?? realized, "upper_threshold", i),
    answer(value(estimated, "breach", i)), answer(value(realized, "breach", i)), at(windows.coverage, i) ?? null, answer(at(windows.final, i)), at(windows.revision, i) ?? null, at(windows.epoch, i) ?? null]);
  return html`<section data-key="performance">
    <header><h2>Performance</h2>${modelTools(model, view, metrics)}</header>
    ${performanceLegend(model, estimated, realized)}
    <div class="chart titled" data-key="chart-performance" data-island data-title="${capital(metricName(metric))}" style="min-height:300px"></div>
    ${covered ? html`<div class="chart titled thin" data-key="chart-coverage" data-island data-title="Targets" style="min-height:46px"></div>` : ""}
    ${difference ? html`<div class="chart titled thin" data-key="chart-difference" data-island data-title="Estimated \u2212 realized" style="min-height:110px"></div>` : ""}
    ${tableFold("performance", `${capital(metricName(metric))} of ${model.model} ${model.version}${segment === "all" ? "" : `, ${segment}`}`, head, rows)}
  </section>`;
}

function performanceCharts(root, model, view) {
  showChart(root.querySelector('[data-key="chart-performance"]'), performanceSpec(model, view, view.metric, view.segment, { height: 300 }));
  showChart(root.querySelector('[data-key="chart-coverage"]'), coverageSpec(model, view));
  const difference = view.segment === "all" && differenceSpec(model, view, view.metric);
  if (difference) showChart(root.querySelector('[data-key="chart-difference"]'), difference);
}
