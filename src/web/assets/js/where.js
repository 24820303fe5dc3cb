// Where: the same metric in every segment, on one scale. And data quality: what moved.

function whereSection(model, view, parts, trouble) {
  const names = model.segments.filter((name) => name !== "all");
  const slices = slicesPart(model, view);
  if (!names.length) return slices ? html`<section data-key="where"><header><h2>Where</h2><p class="note">where the model is expected to do worst now</p></header>${slices}</section>` : "";
  if (!parts) return html`<section data-key="where"><h2>Where</h2>${slices}<p class="notice ${trouble ? "bad" : "waiting"}">${trouble ?? `Asking for ${plural(names.length, "segment")}…`}</p></section>`;
  // Parts are asked for after the model: for a moment they may be of other windows.
  const own = modelViewOf(parts);
  const order = whereOrder(parts, own);
  const few = view.everySegment ? order : order.slice(0, 12);
  const i = own.picked ?? parts.newest;
  const head = ["segment", "estimated", "realized", "expected", "status"];
  return html`<section data-key="where">
    <header><h2>Where</h2><p class="note">${metricName(view.metric)} by segment, the worst first, all on one scale and over the same windows as above</p></header>
    ${slices}
    <div class="multiples">${few.map(({ name, one, out }) => html`<figure class="multiple" data-key="segment-${name}">
      <figcaption><button type="button" class="link" data-do="pickSegment" data-segment="${name}">${name}</button><span class="note">${one && i !== null && is(at(one.value, i)) ? html`${amount(view.metric, at(one.value, i), model.currencies)}` : one && i !== null ? reason(at(one.status, i)) : "no figure"}${out ? html`${outSign} ${plural(out, "window")} out` : ""}</span></figcaption>
      <div class="chart small" data-island data-key="chart" data-segment="${name}" style="min-height:120px"></div></figure>`)}</div>
    ${few.length < order.length ? html`<p class="more"><button type="button" class="quiet" data-do="allSegments">Show all ${plural(order.length, "segment")}</button></p>` : ""}
    ${tableFold("where", `${capital(metricName(view.metric))} by segment of ${model.model} ${model.version}`, head, () => order.map(({ name }) => {
      const [estimated, realized] = [parts.estimated(view.metric, name), parts.realized(view.metric, name)];
      const take = (one) => (one && i !== null ? at(one.value, i) ?? null : null);
      const judge = estimated ?? realized;
      return [name, take(estimated), take(realized), judge && i !== null ? expected(judge, i, model.currencies) : null, judge && i !== null ? at(judge.status, i) : null];
    }))}
  </section>`;
}

function whereOrder(parts, view) {
  const names = parts.segments.filter((name) => name !== "all");
  return names.map((name) => {
    const found = [parts.estimated(view.metric, name), parts.realized(view.metric, name)];
    const out = Math.max(...found.map((one) => (view.places.filter((i) => i >= parts.references && isOut(one, i)).length)));
    return { name, one: found[0] ?? found[1], out };
  }).sort((a, b) => b.out - a.out || a.name.localeCompare(b.name));
}

function whereCharts(root, parts) {
  if (!parts) return;
  const view = modelViewOf(parts);
  const order = whereOrder(parts, view);
  const range = performanceRange(parts, view, view.metric, order.map(({ name }) => [parts.estimated(view.metric, name), parts.realized(view.metric, name)]));
  for (const island of root.querySelectorAll(".chart[data-segment]")) {
    showChart(island, { ...performanceSpec(parts, view, view.metric, island.dataset.segment, { height: 120, plain: true, range }), tight: true });
  }
}

/** Quality figures that were outside their thresholds in the windows shown, the newest breach first; and the calm. */
function qualityParts(model, view) {
  const moved = [];
  const calm = [];
  for (const one of model.all("quality")) {
    const out = view.places.filter((i) => i >= model.references && isOut(one, i));
    (out.length ? moved : calm).push({ one, out, worst: Math.max(0, ...out.map((i) => at(one.value, i) ?? 0)) });
  }
  moved.sort((a, b) => b.worst * b.out.length - a.worst * a.out.length);
  return { moved, calm };
}

/** Kept apart from what moved by a lot: one row in a thousand out of range. */
const slight = ({ one, worst }) => isRate(one.metric) && worst < 0.005;

function qualitySection(model, view) {
  const { moved, calm } = qualityParts(model, view);
  if (!moved.length && !calm.length) return html`<section data-key="quality"><h2>Data quality</h2><p class="notice">No figure of data quality yet.</p></section>`;
  const i = view.picked ?? model.newest;
  const strong = moved.filter((part) => !slight(part));
  const rest = [...moved.filter(slight), ...calm];
  const { windows } = model;
  const head = ["window", "start (UTC)", "column", "figure", "value", "lower threshold", "upper threshold", "breach", "status", "rows"];
  return html`<section data-key="quality">
    <header><h2>Data quality</h2><p class="note">${strong.length ? "what moved in the windows shown" : "nothing has moved in the windows shown"}</p></header>
    ${strong.map(({ one, out }) => html`<div class="chart titled thin" data-key="quality-${one.column}-${one.metric}" data-island data-title="${one.column}" data-subtitle="${metricName(one.metric)}" data-out="${out.length}" style="min-height:64px"></div>`)}
    ${rest.length ? html`<details class="fold" data-key="calm"><summary>${strong.length ? "The rest" : "All figures"}: ${plural(rest.length, "figure")}${moved.length > strong.length ? html`, ${plural(moved.length - strong.length, "of them", "of them")} outside by less than half a percent of the rows` : " within what is expected"}</summary>
      <div class="scroll"><table class="figures list"><thead><tr><th scope="col">column</th><th scope="col">figure</th><th scope="col" class="n">${i === null ? "value" : model.named(i)}</th><th scope="col">expected</th><th scope="col" class="n">windows out</th></tr></thead><tbody>
      ${rest.map(({ one, out }) => html`<tr class="${i !== null && isOut(one, i) ? "out" : ""}"><th scope="row" data-name="column">${one.column ?? "all"}</th><td data-name="figure">${metricName(one.metric)}</td><td class="n" data-name="value">${i !== null && is(at(one.value, i)) ? amount(one.metric, at(one.value, i)) : i === null ? "–" : reason(at(one.status, i))}${i !== null && isOut(one, i) ? outSign : ""}</td><td data-name="expected">${i === null ? "" : expected(one, i)}</td><td class="n" data-name="windows out">${out.length}</td></tr>`)}</tbody></table></div></details>` : ""}
    ${tableFold("quality", `Data quality of ${model.model} ${model.version}`, head, () => [...Array(model.length).keys()].reverse().flatMap((k) => [...moved, ...calm].map(({ one }) => [
      at(windows.dataset, k) === "reference" ? `reference ${at(windows.index, k)}` : at(windows.index, k), at(windows.start, k), one.column, one.metric, at(one.value, k) ?? null, at(one.lower_threshold, k) ?? null, at(one.upper_threshold, k) ?? null, isOut(one, k) ? "yes" : "no", at(one.status, k), at(windows.rows, k)])))}
  </section>`;
}

function qualityCharts(root, model, view) {
  const strong = qualityParts(model, view).moved.filter((part) => !slight(part));
  for (const { one, out } of strong) {
    const last = one === strong.at(-1).one;
    const island = root.querySelector(`[data-key="${CSS.escape(`quality-${one.column}-${one.metric}`)}"]`);
    if (!island) continue;
    const values = [0, ...view.places.flatMap((i) => [at(one.value, i), at(one.upper_threshold, i)])];
    showChart(island, {
      ...common(model, view), height: last ? 96 : 64, plain: !last,
      range: steadyRange(`${model.model}/${model.version}/${one.column}/${one.metric}`, values, { zero: true, most: isRate(one.metric) && Math.max(...values.filter(is)) <= 1 ? 1 : Infinity }),
      axis: (level) => amount(one.metric, level),
      label: `${one.column}: ${metricName(one.metric)} over windows, outside its thresholds in ${plural(out.length, "window")}.`,
      paint(brush) {
        const taken = [];
        brush.threshold(one.upper_threshold, taken);
        if (view.places.some((i) => at(one.lower_threshold, i) > 0)) brush.threshold(one.lower_threshold, taken);
        brush.each((i, spot) => {
          const bad = isOut(one, i);
          if (!is(at(one.value, i))) brush.gap(spot);
          brush.bar(spot, at(one.value, i), brush.old(spot) ? "grey" : bad ? "breach" : "calm");
        });
      },
      tell: (i) => html`<p class="tip-head">${one.column}: ${metricName(one.metric)}</p>${windowLines(model, i)}<table><tbody>${figureLine("value", one, i)}<tr><th scope="row">expected</th><td>${expected(one, i)}</td></tr></tbody></table>`,
      speak: (i) => `${capital(model.named(i))}: ${spoken(`${one.column} ${metricName(one.metric)}`, one, i)}`,
    });
  }
}
