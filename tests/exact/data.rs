//! Files that tests read, and files that a test keeps current.

use std::env;
use std::fs;
use std::path::PathBuf;

use vigie::settings::{Model, Outside, Settings, SettingsError};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file of `tests/data/settings`.
pub(crate) fn settings_file(name: &str) -> String {
    fs::read_to_string(path("tests/data/settings").join(name)).expect("the fixture is there")
}

/// A world with the variables and files that the fixtures name.
pub(crate) const WORLD: Outside<'static> = Outside { variable: &variable, file: &file };

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "HOSTNAME" => "pod-7",
        "KAFKA_USER" => "canary-user",
        "KEY_PASSWORD" => "canary-key",
        _ => return None,
    };
    Some(value.to_owned())
}

fn file(path: &str) -> Result<String, String> {
    match path {
        "secrets/kafka" | "/run/secrets/kafka" => Ok("canary-password\n".to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

/// Settings in that world.
pub(crate) fn read(text: &str) -> Result<Settings, SettingsError> {
    Settings::read(text, "vigie.toml", &WORLD)
}

/// A binary model named `a` with these lines below its section.
pub(crate) fn model(lines: &str) -> Result<Model, SettingsError> {
    let mut settings = read(&format!("[model.a]\nproblem = \"binary\"\n{lines}"))?;
    Ok(settings.models.remove("a").expect("it was just written"))
}

/// Fails where a file of the repository is not what it is made from; with `VIGIE_BLESS=1` writes it.
pub(crate) fn assert_current(name: &str, expected: &str) {
    let path = path(name);
    if env::var_os("VIGIE_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
        fs::write(&path, expected).expect("it can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "`{name}` is not current; write it again with `VIGIE_BLESS=1 cargo test --no-default-features --test exact`"
    );
}
