//! The alert rules of `conf/`: Prometheus' own tool tries them, and they ask only for metrics that
//! there are.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use evenkeel::telemetry::names;

fn conf() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf")
}

fn promtool(args: &[&str]) {
    let output = Command::new("promtool").args(args).current_dir(conf()).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
}

#[test]
fn rules_are_valid_and_fire_when_they_should() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts-test.yml"]);
}

#[test]
fn every_rule_is_tried_and_asks_for_metrics_that_exist() {
    let read = |name: &str| std::fs::read_to_string(conf().join(name)).unwrap();
    let (rules, tests) = (read("alerts.yml"), read("alerts-test.yml"));
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        assert_eq!(tests.matches(&format!("        alertname: {alert}\n")).count(), 1, "{alert}");
    }
    let scopes = ["process", "frontend", "listener", "backend", "server"];
    let known: HashSet<String> = names::ALL
        .iter()
        .flat_map(|metric| match metric.is_ours {
            true => vec![format!("evenkeel_{}", metric.end)],
            false => scopes.map(|scope| format!("haproxy_{scope}_{}", metric.end)).to_vec(),
        })
        .collect();
    let is_end = |c: char| !c.is_ascii_lowercase() && c != '_';
    for line in rules.lines().filter(|line| !line.starts_with('#')) {
        for word in line.split(is_end) {
            let is_metric = word.starts_with("evenkeel_") || word.starts_with("haproxy_");
            assert!(!is_metric || known.contains(word), "{word}");
        }
    }
}
