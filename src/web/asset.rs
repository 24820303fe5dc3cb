//! The document of the page and what belongs to it, compiled in.

use std::sync::LazyLock;

use crate::web::answer::Fixed;

/// The document: all views are one, the script decides by the address.
pub const DOCUMENT: &str = include_str!("assets/index.html");

/// Its style.
pub const STYLE: &str =
    concat!(include_str!("assets/uplot/uPlot.min.css"), "\n", include_str!("assets/vigie.css"));

/// Its script, one module.
pub const SCRIPT: &str = concat!(
    include_str!("assets/uplot/uPlot.iife.min.js"),
    "\n",
    include_str!("assets/js/base.js"),
    "\n",
    include_str!("assets/js/words.js"),
    "\n",
    include_str!("assets/js/data.js"),
    "\n",
    include_str!("assets/js/table.js"),
    "\n",
    include_str!("assets/js/chart.js"),
    "\n",
    include_str!("assets/js/heat.js"),
    "\n",
    include_str!("assets/js/column.js"),
    "\n",
    include_str!("assets/js/performance.js"),
    "\n",
    include_str!("assets/js/why.js"),
    "\n",
    include_str!("assets/js/slices.js"),
    "\n",
    include_str!("assets/js/where.js"),
    "\n",
    include_str!("assets/js/alerts.js"),
    "\n",
    include_str!("assets/js/overview.js"),
    "\n",
    include_str!("assets/js/model.js"),
    "\n",
    include_str!("assets/js/service.js"),
    "\n",
    include_str!("assets/js/main.js"),
);

/// Where what is known at once is put into the document.
pub const FIRST_PAINT: &str = "<!-- first paint -->";

static STYLE_FILE: LazyLock<Fixed> =
    LazyLock::new(|| Fixed::new("text/css; charset=utf-8", STYLE.to_owned()));
static SCRIPT_FILE: LazyLock<Fixed> =
    LazyLock::new(|| Fixed::new("text/javascript; charset=utf-8", SCRIPT.to_owned()));

/// What the document asks for, by name.
pub(super) fn asset(name: &str) -> Option<&'static Fixed> {
    match name {
        "vigie.css" => Some(&STYLE_FILE),
        "vigie.js" => Some(&SCRIPT_FILE),
        _ => None,
    }
}
