//! What `deploy/` hands out, as far as it can be tried without a cluster of Kubernetes and without Docker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use vigie::simulator::{Conditions, Layout, Schedule, World};

use crate::site::run;
use crate::tools::{has, program, repository};

/// The Python that has what the checks need; none where it cannot be installed.
pub(crate) fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let made = Command::new(repository("tests/deploy/install")).output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
        PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
    };
    PYTHON.get_or_init(install).clone()
}

/// What a program says, and that it has nothing to complain of.
fn fine(command: &mut Command) -> String {
    let ended = command.output().unwrap();
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{command:?}:\n{out}\n{said}");
    out
}

/// What one of the checks finds.
fn checked(arguments: &[&str]) -> Value {
    let mut command = Command::new(python());
    command.arg(repository("tests/deploy/check.py")).args(arguments);
    serde_json::from_str(&fine(&mut command)).unwrap()
}

/// That `vigie` understands these arguments.
fn understood(arguments: &[Value]) {
    let words = arguments.iter().map(|word| word.as_str().unwrap());
    // With --help whatever stands before it is parsed, and nothing is done.
    let ended = Command::new(program()).args(words).arg("--help").output().unwrap();
    assert!(ended.status.success(), "vigie {arguments:?}: {ended:?}");
    let words: Vec<&str> = arguments.iter().map(|word| word.as_str().unwrap()).collect();
    let help = String::from_utf8(ended.stdout).unwrap();
    for option in words.iter().filter_map(|word| word.strip_prefix("--")) {
        let name = option.split('=').next().unwrap();
        assert!(help.contains(&format!("--{name} ")), "vigie {words:?} has no --{name}");
    }
}

#[test]
fn the_chart_is_what_helm_and_kubernetes_take() {
    let found = checked(&["chart"]);
    for command in found["commands"].as_array().unwrap() {
        understood(command.as_array().unwrap());
    }
    // The rules arrive as they are: Prometheus' own braces are no templates of Helm.
    let folder = tempdir().unwrap();
    let rules = found["rules"].as_object().unwrap();
    assert_eq!(rules.keys().collect::<Vec<_>>(), ["watch-vigie-alerts", "watch-vigie-recording"]);
    let alerts = rules["watch-vigie-alerts"].to_string();
    assert!(alerts.contains("{{ $labels.model }}"), "{alerts}");
    for (name, spec) in rules {
        let path = folder.path().join(name);
        // JSON is YAML.
        fs::write(&path, spec.to_string()).unwrap();
        if has("promtool") {
            fine(Command::new("promtool").args(["check", "rules"]).arg(path));
        }
    }
}

#[test]
fn the_compose_file_is_what_its_specification_says() {
    let found = checked(&["compose"]);
    for command in found["commands"].as_array().unwrap() {
        understood(command.as_array().unwrap());
    }
    let folder = repository("deploy/compose");
    if has("promtool") {
        fine(
            Command::new("promtool")
                .args(["check", "config", "--syntax-only"])
                .arg(folder.join("prometheus.yml")),
        );
    }
    if has("amtool") {
        fine(Command::new("amtool").arg("check-config").arg(folder.join("alertmanager.yml")));
    }
    let (code, said) = run(&folder.join("vigie"), &["config", "check"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn the_image_is_built_as_its_linter_wants() {
    let hadolint = python().with_file_name("hadolint");
    let file = repository("deploy/Dockerfile");
    fine(Command::new(hadolint).arg(&file));
    let text = fs::read_to_string(file).unwrap();
    // Each command of the image is a command of vigie.
    for line in text.lines() {
        let line = line.trim();
        let list = line.strip_prefix("CMD ").and_then(|list| serde_json::from_str(list).ok());
        let Some(Value::Array(words)) = list else { continue };
        let words: Vec<Value> =
            words.into_iter().filter(|word| word != "/usr/local/bin/vigie").collect();
        understood(&words);
    }
    // What the build copies is what it needs: every folder that Cargo.toml names.
    let kept = fs::read_to_string(repository(".dockerignore")).unwrap();
    let manifest = fs::read_to_string(repository("Cargo.toml")).unwrap();
    for folder in ["src", "tests", "benches"] {
        assert!(manifest.contains(folder) || folder == "benches");
        assert!(kept.lines().any(|line| line == format!("!{folder}")), "{folder} is left out");
    }
}

#[test]
fn the_unit_is_what_systemd_takes() {
    if !has("systemd-analyze") {
        return;
    }
    let folder = tempdir().unwrap();
    let text = fs::read_to_string(repository("deploy/systemd/vigie.service")).unwrap();
    // It is looked for whether the program is there.
    let unit = folder.path().join("vigie.service");
    fs::write(&unit, text.replace("/usr/local/bin/vigie", program())).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_us: Vec<&str> = said.lines().filter(|line| line.contains("vigie.service")).collect();
    assert!(about_us.is_empty(), "{said}");
    // 0 has no rights at all, 10 all: twenty tenths are 2.
    fine(
        Command::new("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true", "--threshold=20"])
            .arg(&unit),
    );
    let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/vigie "));
    let words: Vec<Value> = start.unwrap().split(' ').map(Value::from).collect();
    understood(&words);
}

/// A folder with settings, a reference, its profile, and data of a good, of a bad and of a nearly empty day.
fn days() -> TempDir {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let settings = fs::read_to_string(repository("deploy/compose/vigie/vigie.toml")).unwrap();
    // Of one metric, whose chance of being outside on a good day is small.
    let more = "[model.car-loan.window]\nsize = 1000\n[model.car-loan.performance]\nmetrics = [\"roc_auc\"]\n";
    fs::write(path.join("vigie.toml"), settings + more).unwrap();
    let world = World::new(5);
    let mut rows = Vec::new();
    let before = world.reference(12_000);
    for case in before.cases(0..12_000) {
        let target = ("repaid", case.repaid);
        before.prediction(&case).write_json_with(target, Layout::Flat, &mut rows);
        rows.push(b'\n');
    }
    fs::write(path.join("reference.jsonl"), rows).unwrap();
    let shifted = Conditions { shift: 0.9, ..Conditions::STEADY };
    let shifted = World::new(5).with_schedule(Schedule::constant(shifted));
    for (name, world, cases) in
        [("good", &world, 3_000), ("bad", &shifted, 3_000), ("few", &world, 20)]
    {
        let mut rows = Vec::new();
        for prediction in world.predictions(0..cases) {
            prediction.write_json(Layout::Flat, &mut rows);
            rows.push(b'\n');
        }
        fs::write(path.join(format!("{name}.jsonl")), rows).unwrap();
    }
    let (code, said) = run(path, &["profile", "build", "--reference", "reference.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    folder
}

/// Runs the script for cron over a day's data: its exit code, and what cron would mail.
fn by_cron(folder: &Path, day: &str) -> (Option<i32>, String) {
    // Days lie as Parquet; JSON goes by another name.
    let text = fs::read_to_string(repository("deploy/cron/vigie-check")).unwrap();
    let script = folder.join("vigie-check");
    fs::write(&script, text.replace("$folder/$day.parquet", "$folder/$day.jsonl")).unwrap();
    let ended = Command::new("sh")
        .arg(script)
        .args(["car-loan", &folder.display().to_string(), day])
        .env("VIGIE", program())
        .env("VIGIE_CONFIG", folder.join("vigie.toml"))
        .env("VIGIE_RESULTS", folder.join("results"))
        .output()
        .unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn who_checks_every_day_hears_what_the_exit_code_says_and_can_look_at_it() {
    let folder = days();
    let path = folder.path();
    let (code, said) = by_cron(path, "good");
    assert_eq!((code, said.as_str()), (Some(0), ""), "cron mails whatever is printed");
    let (code, said) = by_cron(path, "bad");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("car-loan is not well, by the data of bad."), "{said}");
    assert!(said.contains("NOT OK"), "the verdict: {said}");
    let (code, said) = by_cron(path, "few");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with("car-loan could not be judged"), "{said}");
    let (code, said) = by_cron(path, "never");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("failed for never"), "{said}");

    let found = checked(&["dag"]);
    for command in found["commands"].as_array().unwrap() {
        understood(command.as_array().unwrap());
    }
    // The notebook draws what was written, and the same from an archive's folders.
    let results = path.join("results/car-loan-bad.parquet");
    let found = checked(&["notebook", &results.display().to_string()]);
    let said = found["said"].to_string();
    assert!(said.contains("car-loan: "), "{said}");
    let archive = path.join("archive/results/model=car-loan");
    for date in ["2026-02-01", "2026-02-02"] {
        let day = archive.join(format!("date={date}"));
        fs::create_dir_all(&day).unwrap();
        fs::copy(&results, day.join("part-0.parquet")).unwrap();
    }
    let of_archive = checked(&["notebook", &path.join("archive/results").display().to_string()]);
    assert_eq!(of_archive["said"], found["said"], "a figure that stands there twice is one");
    assert_eq!(of_archive["tables"], found["tables"]);
}
