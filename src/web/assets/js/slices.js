// Where, without segments: the slices of a window whose expected loss is greatest.

/** What a loss is called, and how it is written. */
const points = (value) => (value * 100).toFixed(1).replace("-", "\u2212");
const sliceLoss = (of) => (of === "accuracy" ? { name: "wrong predictions", write: (value) => percent(value), apart: (value) => `${points(value)}\u00a0points`, bare: points }
  : { name: of === "mae" ? "absolute error" : metricName(of), write: (value) => number(value), apart: (value) => number(value, 3), bare: (value) => number(value, 2) });

const signed = (value, write) => `${value < 0 ? "\u2212" : "+"}${write(Math.abs(value))}`;

/** The slices of the picked window, else of the newest that has them. */
function slicesOf(model, view) {
  const found = model.slices ?? [];
  if (view.picked === null) return found.at(-1);
  const index = at(model.windows.index, view.picked);
  return view.picked < model.references ? undefined : found.find((one) => one.window === index);
}

/** Whether a slice is worse than it was in the reference, beyond chance. */
const gotWorse = (slice) => is(slice.change) && slice.change > 0 && is(slice.change_p_value) && slice.change_p_value <= 0.05;

function slicesPart(model, view) {
  if (!model.slices?.length) return "";
  const found = slicesOf(model, view);
  const named = found ? `window ${count(found.window)}` : view.picked === null ? "" : model.named(view.picked);
  const head = html`<h3>Worst slices of ${named}</h3>`;
  if (!found) return html`<div class="slices" data-key="slices">${head}<p class="notice">No slices are kept of this window.</p></div>`;
  if (found.status !== "ok") return html`<div class="slices" data-key="slices">${head}<p class="notice">Nothing was looked for: ${reason(found.status)}.</p></div>`;
  const loss = sliceLoss(found.of);
  const left = found.columns_unpaired ? ` Pairs were made of the columns that tell most; ${plural(found.columns_unpaired, "column")} only stood alone.` : "";
  const looked = `${plural(found.examined, "slice")} looked at; where none is worse, at most one window in twenty names any.${left}`;
  if (!found.slices.length) return html`<div class="slices" data-key="slices">${head}<p class="notice">No slice is expected to do worse than chance explains: ${looked}</p></div>`;
  const held = (slice) => slice.excess * slice.share;
  const most = Math.max(...found.slices.map(held), 1e-12);
  const columns = ["slice", "share of rows", loss.name, "above all rows", "standard error", "at least", "p", "in the reference", "since the reference", "p of that", "of all loss"];
  return html`<div class="slices" data-key="slices">${head}
    <p class="note">expected ${loss.name}, without targets; ranked by how much of it is too much: excess times share. ${looked}</p>
    <div class="scroll"><table class="figures list"><caption class="unseen">Worst slices of ${named}</caption><thead><tr><th scope="col">slice</th><th scope="col" class="n">share of rows</th><th scope="col" class="n">${loss.name}</th><th scope="col" class="n">above all rows</th><th scope="col">too much of all</th><th scope="col">since the reference</th></tr></thead>
    <tbody>${found.slices.map((slice) => html`<tr class="${gotWorse(slice) ? "out" : ""}"><th scope="row" data-name="slice">${slice.name}</th>
      <td class="n" data-name="share of rows">${percent(slice.share)}</td>
      <td class="n" data-name="${loss.name}">${loss.write(slice.loss)}</td>
      <td class="n" data-name="above all rows"><span title="at least ${loss.apart(slice.excess_bounds[0])}, allowing for all slices looked at">${signed(slice.excess, loss.apart)}${is(slice.excess_error) ? html` <span class="soft">\u00b1 ${loss.bare(3 * slice.excess_error)}</span>` : ""}</span></td>
      <td data-name="too much of all"><span class="held"><i style="width:${((100 * held(slice)) / most).toFixed(1)}%"></i></span><span class="soft">${loss.apart(held(slice))}</span></td>
      <td data-name="since the reference">${!is(slice.change) ? html`<span class="soft">too few rows of it there</span>` : gotWorse(slice) ? html`${outSign}worse by ${loss.apart(slice.change)}` : slice.change < 0 && slice.change_p_value <= 0.05 ? `better by ${loss.apart(-slice.change)}` : html`<span class="soft">as it was</span>`}</td></tr>`)}</tbody></table></div>
    ${tableFold("slices", `Worst slices of ${model.model} ${model.version}`, ["window", ...columns], () => [...model.slices].reverse().flatMap((one) => one.slices.map((slice) => [
      one.window, slice.name, slice.share ?? null, slice.loss ?? null, slice.excess ?? null, slice.excess_error ?? null, slice.excess_bounds[0] ?? null, slice.p_value ?? null, is(slice.change) ? slice.loss - slice.change : null, slice.change ?? null, slice.change_p_value ?? null, held(slice)])))}</div>`;
}
