//! This instance of the service.

use std::path::PathBuf;

use serde::Serialize;

use crate::settings::Outside;
use crate::settings::at::At;
use crate::settings::mistake::Mistakes;
use crate::settings::typed;

/// This instance of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Where the page and `/metrics` listen, as `host:port`.
    pub listen: String,
    /// Folder for local files.
    pub data_dir: PathBuf,
    /// Name of this instance; `None`: the machine's name.
    pub instance: Option<String>,
}

impl Service {
    pub(crate) fn meant(
        typed: typed::Service,
        outside: &Outside<'_>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let (host, port) = typed.listen.rsplit_once(':').unwrap_or_default();
        if host.is_empty() || port.parse::<u16>().is_err() {
            let mend = "write for example \"0.0.0.0:9464\" for all addresses of this machine";
            mistakes.add(&at.key("listen"), "`host:port`", mend);
        }
        for (key, empty) in [
            ("data_dir", typed.data_dir.trim().is_empty()),
            ("instance", typed.instance.as_ref().is_some_and(|name| name.trim().is_empty())),
        ] {
            if empty {
                mistakes.add(&at.key(key), "a name", "write one, or remove the key");
            }
        }
        let hostname = || (outside.variable)("HOSTNAME").filter(|name| !name.trim().is_empty());
        Self {
            listen: typed.listen,
            data_dir: PathBuf::from(typed.data_dir),
            instance: typed.instance.or_else(hostname),
        }
    }
}
