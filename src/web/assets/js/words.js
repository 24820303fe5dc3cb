// The words for things, and numbers and times as people read them.

const metricNames = {
  roc_auc: "ROC AUC", average_precision: "average precision", f1: "F1", mae: "MAE", mape: "MAPE", mse: "MSE",
  msle: "MSLE", rmse: "RMSE", rmsle: "RMSLE", jensen_shannon: "Jensen-Shannon", kolmogorov_smirnov: "Kolmogorov-Smirnov",
  hellinger: "Hellinger", wasserstein: "Wasserstein", chi2: "chi-squared", l_infinity: "L-infinity", psi: "PSI",
  reconstruction_error: "reconstruction error", domain_classifier: "domain classifier", missing_rate: "missing",
  unseen_rate: "unseen values", out_of_range_rate: "out of range", business_value: "business value",
  standard_deviation: "standard deviation", covariate_shift_effect: "covariate shift",
  concept_drift_effect: "concept drift", performance_change: "change of performance",
  concept_drift_magnitude: "concept drift's magnitude",
};
const metricName = (metric) => metricNames[metric] ?? String(metric ?? "").replaceAll("_", " ");
const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** A state's word stands beside its sign and colour, always. */
const states = {
  degraded: { word: "degraded", means: "performance or data are outside what is expected" },
  watch: { word: "watch", means: "something is outside its thresholds, no critical alert is open" },
  silent: { word: "silent", means: "no predictions come" },
  unknown: { word: "unknown", means: "too little to judge" },
  well: { word: "well", means: "all that could be judged is within what is expected" },
};
const stateOrder = Object.keys(states);

const signs = {
  well: '<circle cx="8" cy="8" r="7"/><path class="on" d="m4.8 8.3 2.2 2.2 4.2-4.8"/>',
  watch: '<path d="M8 1 15.4 14.6H.6z" stroke-linejoin="round"/><path class="on" d="M8 6v4M8 12.1v.2"/>',
  degraded: '<path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z"/><path class="on" d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2"/>',
  unknown: '<circle class="line" cx="8" cy="8" r="6.6" stroke-dasharray="3 2.2"/><path class="mark" d="M6.1 6.3a2 2 0 1 1 2.7 1.9c-.6.2-.8.6-.8 1.2M8 11.5v.2"/>',
  silent: '<circle class="line" cx="8" cy="8" r="6.6"/><path class="mark" d="M6.2 5.5v5M9.8 5.5v5"/>',
};

/** A state as sign and word. */
function stateBadge(state, large) {
  const known = states[state] ? state : "unknown";
  const sign = new Markup(`<svg viewBox="0 0 16 16" aria-hidden="true">${signs[known]}</svg>`);
  return html`<span class="state ${known} ${large ? "large" : ""}" title="${states[known].means}">${sign}${states[known].word}</span>`;
}

/** Why there is no value, or no judgement. */
const reasons = {
  empty: "no rows",
  all_missing: "every value is missing",
  not_in_data: "the column is in no event",
  one_class: "only one class occurs",
  constant: "constant in the reference",
  infinite: "an infinite value came in",
  negative: "a value below 0 has no logarithm",
  too_few: "too few rows to judge",
  low_coverage: "too few targets to judge",
  no_targets: "no targets yet",
  stratum_without_targets: "scores that weigh have no targets yet",
  no_profile: "no profile serves this version",
  no_reference: "not in the reference",
  outside_support: "outside of what the reference holds",
  excluded: "left out by a person",
  none: "not published for this window",
};
const reason = (status) => reasons[status ?? "none"] ?? String(status).replaceAll("_", " ");

const kinds = { estimated: "estimated", realized: "realized", drift: "drift", quality: "data quality", summary: "summary", diagnosis: "diagnosis", early_warning: "early warning" };
const methods = { cbpe: "CBPE", dle: "DLE", pape: "PAPE", labelled: "from targets", post_stratified: "from targets, reweighted to all rows" };

const isRate = (metric) => /_rate$/.test(metric ?? "");

/** Formats are made once: it takes longer to make one than to use it a hundred times. */
const formats = new Map();
function grouped(value, places) {
  if (!formats.has(places)) formats.set(places, new Intl.NumberFormat("en-US", { maximumFractionDigits: places }));
  return formats.get(places).format(value);
}

/** A number to four significant digits; large ones in thousands with commas. */
function number(value, digits = 4) {
  if (!is(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e9 || size < 1e-4) return value.toExponential(2).replace("-", "\u2212").replace("e\u2212", "e-").replace("e+", "e");
  const places = clamp(digits - 1 - Math.floor(Math.log10(size)), 0, 6);
  const text = grouped(value, places);
  return text.replace("-", "\u2212");
}
const percent = (share, places = 1) => (is(share) ? `${grouped(share * 100, places)}\u00a0%` : "–");
const count = (value) => (is(value) ? grouped(value, 3) : "–");
/** With as many digits as its neighbours in a list, so that points stand below each other. */
const even = (value) => (is(value) && Math.abs(value) < 10 && Math.abs(value) >= 0.01 ? value.toFixed(3).replace("-", "\u2212") : number(value, 3));
/** A figure of a metric, in its unit: `currencies` are what money is counted in, by metric. */
function amount(metric, value, currencies) {
  if (isRate(metric) && is(value) && value <= 1) return percent(value, value > 0 && value < 0.01 ? 3 : 1);
  const unit = currencies?.[metric];
  return unit && is(value) ? `${number(value)}\u00a0${unit}` : number(value);
}
/** Three standard errors: two digits are all that they are worth. */
const doubt = (metric, error, currencies) => (isRate(metric) ? amount(metric, 3 * error) : `${number(3 * error, 2)}${currencies?.[metric] ? `\u00a0${currencies[metric]}` : ""}`);
const plural = (n, one, many = `${one}s`) => `${count(n)}\u00a0${n === 1 ? one : many}`;

const two = (value) => String(value).padStart(2, "0");
const day = (d) => `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
const clock = (d) => `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
const parsed = (time) => {
  const d = time ? new Date(time) : null;
  return d && !Number.isNaN(d.getTime()) ? d : null;
};
/** A moment in UTC. */
function utc(time) {
  const d = parsed(time);
  return d ? `${day(d)} ${clock(d)} UTC` : "–";
}
/** The same moment on the clock of who looks. */
function local(time) {
  const d = parsed(time);
  return d ? d.toLocaleString(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" }) : "–";
}
/** From one moment to another, without saying the day twice. */
function span(start, end) {
  const [from, to] = [parsed(start), parsed(end)];
  if (!from) return "";
  if (!to) return utc(start);
  return day(from) === day(to) ? `${day(from)} ${clock(from)} to ${clock(to)} UTC` : `${day(from)} ${clock(from)} to ${day(to)} ${clock(to)} UTC`;
}
/** A moment of today as a time, another as a day and a time. */
function moment(time) {
  const d = parsed(time);
  if (!d) return "";
  return day(d) === day(now()) ? `${clock(d)} UTC` : `${day(d)} ${clock(d).slice(0, 5)} UTC`;
}
/** How long between two moments. */
function lasting(from, to) {
  const seconds = Math.max(0, Math.round((parsed(to) - parsed(from)) / 1000));
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
const since = (time) => (parsed(time) ? html`<time datetime="${time}" title="${utc(time)}; ${local(time)}">${lasting(time, now())}</time>` : html`–`);

/** Times in a server's sentence, made shorter: a fraction of a second tells nobody anything. Names stay as they are. */
const readable = (sentence) =>
  String(sentence ?? "")
    .replace(/^(estimated|realized|the|no|nothing|all|last|too|windows?|it) /, (word) => capital(word))
    .replace(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/g, "$1 $2 UTC")
    .replace(/(\d{4}-\d\d-\d\d) (\S+) UTC to \1 /g, "$1 $2 to ")
    .replaceAll("+-", "\u00b1");

/** A sentence whose first part says what is wrong, and the rest what lies beside it. */
function verdictParts(sentence) {
  const [first, ...rest] = readable(sentence).split("; ");
  return html`${first}${rest.length ? html`<span class="beside"><span class="unseen">; </span>${rest.join("; ")}</span>` : ""}`;
}

/** The name of a model version. */
const title = (model, version) => html`<span class="name">${model}</span>${version ? html` <span class="version">${version}</span>` : ""}`;
