//! `[archive]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is kept of results and alerts beside their topics: Parquet files, for SQL and for whatever else reads them.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Archive {
    /// A folder, from where this file lies, or the URL of one in an object store: `s3://bucket/vigie`, also `gs://` and
    /// `az://`; credentials come from the environment. Several instances share the work, so all of them must reach it.
    /// Default: none, nothing is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"archive")]
    pub(crate) path: Option<String>,
    /// Every scored row too, in the columns of its model, and its target once that is known: whoever can read the archive
    /// then reads what the model was asked. It wants `path`. Default: `false`.
    pub(crate) rows: bool,
}
