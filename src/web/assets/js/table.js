// The figures of a chart as a table: to read, to copy, to download.

const tables = new Map();
const tableRows = 200; // more is for the file, not for the eye

/** A fold with a table in it, which is only made when it is opened. `rows` gives the newest first. */
function tableFold(id, caption, head, rows) {
  tables.set(id, { caption, head, rows });
  const open = document.querySelector(`[data-key="table-${CSS.escape(id)}"]`)?.open;
  return html`<details class="fold table-fold" data-key="table-${id}" data-table="${id}" ${open ? new Markup("open") : ""}>
    <summary>Table<span class="unseen"> of ${caption}</span></summary>
    <div class="table-body">${open ? tableBody(id) : ""}</div>
  </details>`;
}

function tableBody(id) {
  const { caption, head, rows } = tables.get(id);
  const all = rows();
  const body = all.slice(0, tableRows);
  return html`<p class="table-tools">
      <button type="button" class="quiet" data-do="copyTable" data-id="${id}">Copy</button>
      <button type="button" class="quiet" data-do="saveTable" data-id="${id}">Download CSV</button>
      <span class="note">${plural(all.length, "row")}${all.length > tableRows ? `, the newest ${tableRows} are shown` : ""}</span>
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="figures list"><caption class="unseen">${caption}</caption>
    <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${body.map((row) => html`<tr>${row.map((cell, k) => tableCell(cell, head[k], k))}</tr>`)}</tbody></table></div>`;
}

function tableCell(cell, name, k) {
  const numeric = typeof cell === "number";
  const text = numeric ? (Number.isInteger(cell) ? count(cell) : number(cell, 5)) : cell === null || cell === undefined ? "–" : cell;
  return k === 0
    ? html`<th scope="row" data-name="${name}">${text}</th>`
    : html`<td class="${numeric ? "n" : ""}" data-name="${name}">${text}</td>`;
}

document.addEventListener("toggle", (event) => {
  const fold = event.target;
  if (!fold.dataset?.table || !tables.has(fold.dataset.table)) return;
  paint(fold.querySelector(".table-body"), fold.open ? tableBody(fold.dataset.table) : html``);
}, true);

/** Text as a file of comma-separated values has it; what a spreadsheet would run is kept from running. */
function csvCell(cell) {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "number") return String(cell);
  const text = /^[=+@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

actions.saveTable = (button) => {
  const { caption, head, rows } = tables.get(button.dataset.id);
  const text = [head, ...rows()].map((row) => row.map(csvCell).join(",")).join("\r\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text, "\r\n"], { type: "text/csv" }));
  link.download = `${caption.replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase()}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`${link.download} is made`);
};

actions.copyTable = async (button) => {
  const { head, rows } = tables.get(button.dataset.id);
  const text = [head, ...rows()].map((row) => row.map((cell) => String(cell ?? "").replace(/\s+/g, " ")).join("\t")).join("\n");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page that came over plain HTTP from another host has no clipboard: the old way needs none.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  say("The table is copied");
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
};
