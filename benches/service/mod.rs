//! The service that is measured over a real Kafka: how it is called, and the settings that every bench of it shares.

use std::path::Path;
use std::process::Command;

/// Where events of a wide world have what all models of it have.
pub(crate) const COLUMNS: &str = r#"
id          = "id"
timestamp   = "timestamp"
model       = "model.name"
version     = "model.version"
target      = "target"
features    = ["features.*"]
"#;

/// What a model of two classes puts out.
pub(crate) const TWO_CLASSES: &str = r#"
probability = "y_pred_proba"
prediction  = "y_pred"
"#;

/// A command, by the settings in a folder.
pub(crate) fn vigie(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.current_dir(folder).args(arguments).args(["--config", "vigie.toml"]);
    command
}

/// The settings of an installation without models; port 0 takes any.
pub(crate) fn installation(address: &str, namespace: &str, topic: &str, port: u16) -> String {
    format!(
        r#"
[kafka]
bootstrap_servers = "{address}"
namespace = "{namespace}"

[kafka.topics]
predictions = ["{topic}"]

[service]
listen = "127.0.0.1:{port}"
"#
    )
}
