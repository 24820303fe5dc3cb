// The service itself: does it keep up, and what could it not read?

function serviceView(service) {
  const lanes = [...(service.lanes ?? [])].sort((a, b) => (b.stopped ? 1 : 0) - (a.stopped ? 1 : 0) || (b.lag ?? 0) - (a.lag ?? 0));
  const letters = Object.entries(service.dead_letters ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const stopped = lanes.filter((lane) => lane.stopped).length;
  const behind = lanes.reduce((sum, lane) => sum + (lane.lag ?? 0), 0);
  const most = Math.max(1, ...lanes.map((lane) => lane.lag ?? 0));
  const verdict = !service.ready ? "vigie is not ready" : stopped ? `${plural(stopped, "lane")} of ${lanes.length} ${stopped === 1 ? "has" : "have"} stopped` : !lanes.length ? "vigie is ready; it has no lane yet" : behind ? `vigie is ready, ${plural(behind, "record")} behind` : "vigie is ready and has read everything";
  const metrics = Object.entries(service.metrics ?? {}).filter(([, value]) => typeof value === "number" || typeof value === "string");
  return html`<article class="service">
    <h1 class="verdict">${verdict}</h1>
    ${waitingNotice(service)}
    <dl class="facts">
      <div><dt>Instance</dt><dd>${service.instance}<span class="soft">, vigie ${service.engine}</span></dd></div>
      <div><dt>Events read</dt><dd>${countOf(service.events)}</dd></div>
      <div><dt>Open windows</dt><dd>${countOf(service.open_windows)}</dd></div>
      <div><dt>Waiting for targets</dt><dd>${is(service.pending) ? plural(service.pending, "prediction") : html`<span class="soft">unknown</span>`}</dd></div>
    </dl>
    <section data-key="lanes"><header><h2>Lanes</h2><p class="note">a lane is one partition of one topic; lag is what is there and not yet read</p></header>
    ${lanes.length ? html`<div class="scroll"><table class="figures list"><caption class="unseen">Lanes and their lag</caption><thead><tr><th scope="col">topic</th><th scope="col" class="n">partition</th><th scope="col">stage</th><th scope="col" class="n">lag, records</th><th scope="col" aria-hidden="true"></th><th scope="col">state</th></tr></thead><tbody>
    ${lanes.map((lane) => html`<tr><th scope="row" data-name="topic">${lane.topic}</th><td class="n" data-name="partition">${lane.partition}</td><td data-name="stage">${lane.stage}</td><td class="n" data-name="lag, records">${is(lane.lag) ? count(lane.lag) : "unknown"}</td><td class="lag" aria-hidden="true"><i style="width:${(((lane.lag ?? 0) / most) * 100).toFixed(1)}%"></i></td>
      <td data-name="state">${lane.stopped ? html`<span class="state degraded"><svg viewBox="0 0 16 16" aria-hidden="true">${new Markup(signs.degraded)}</svg>stopped</span>${typeof lane.stopped === "string" ? html` ${lane.stopped}` : ""}` : html`<span class="state well"><svg viewBox="0 0 16 16" aria-hidden="true">${new Markup(signs.well)}</svg>reads</span>`}</td></tr>`)}</tbody></table></div>` : html`<p class="notice">No lane yet: they are there when Kafka has given this instance partitions. Awaited since ${utc(opened)}; if it stays so, look at bootstrap_servers in vigie.toml.</p>`}
    ${tableFold("lanes", "Lanes", ["stage", "topic", "partition", "lag", "stopped"], () => lanes.map((lane) => [lane.stage, lane.topic, lane.partition, lane.lag ?? null, lane.stopped ? String(lane.stopped === true ? "yes" : lane.stopped) : "no"]))}</section>
    <section data-key="letters"><header><h2>Dead letters</h2><p class="note">records that could not be read, by reason</p></header>
    ${letters.length ? html`<table class="bars"><tbody>${letters.map(([why, n]) => html`<tr><th scope="row">${why.replaceAll("_", " ")}</th><td class="pair"><i class="bad" style="width:${((n / letters[0][1]) * 100).toFixed(1)}%"></i></td><td class="n">${count(n)}</td></tr>`)}</tbody></table>
      <p class="note">Each lies whole, with its reason and place, on the dead-letters topic.</p>` : html`<p class="notice">${service.events === 0 ? "None: nothing has been read yet." : "None: every record could be read."}</p>`}</section>
    <section data-key="epochs"><header><h2>Epochs</h2><p class="note">which settings and profile are in force</p></header>
    ${service.epochs?.length ? html`<div class="scroll"><table class="figures list"><caption class="unseen">Epochs</caption><thead><tr><th scope="col">model</th><th scope="col" class="n">epoch</th><th scope="col">profile</th><th scope="col">settings</th></tr></thead><tbody>${service.epochs.map((one) => html`<tr><th scope="row" data-name="model">${title(one.model ?? "all models", one.version)}</th><td class="n" data-name="epoch">${one.epoch}</td><td data-name="profile"><code>${one.profile ?? "none"}</code></td><td data-name="settings"><code>${one.settings ?? "–"}</code></td></tr>`)}</tbody></table></div>` : html`<p class="notice">None is in force yet: vigie puts its file in force when it starts, or vigie apply does.</p>`}</section>
    ${metrics.length ? html`<section data-key="metrics"><details class="fold" data-key="own"><summary>${plural(metrics.length, "figure")} of the service itself</summary><div class="scroll"><table class="figures"><tbody>${metrics.map(([name, value]) => html`<tr><th scope="row"><code>${name}</code></th><td class="n">${is(value) ? number(value, 6) : value}</td></tr>`)}</tbody></table></div></details></section>` : ""}
    ${api.report ? "" : html`<p class="note">The same for machines: <a href="/metrics">/metrics</a>, <a href="/readyz">/readyz</a>, <a href="/healthz">/healthz</a>.</p>`}
  </article>`;
}

/** A count, or by name where there are several. */
function countOf(value) {
  if (is(value)) return count(value);
  if (value && typeof value === "object") {
    const parts = Object.entries(value).filter(([, n]) => is(n));
    return parts.length ? parts.map(([name, n], k) => html`${k ? ", " : ""}${count(n)} <span class="soft">${name.replaceAll("_", " ")}</span>`) : html`<span class="soft">none</span>`;
  }
  return html`<span class="soft">unknown</span>`;
}
