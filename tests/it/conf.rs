//! What a user installs or copies loads: every file of `conf/` and every snippet of the README.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::dir::TempDir;
use crate::harness::proxy::Kind;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of `conf/` that end in `.extension`.
fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("conf")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// The README's fenced blocks in `language`.
fn snippets(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1);
    blocks.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// Users, groups and network namespaces of the examples need not exist here.
fn without_places(text: &str) -> String {
    let text = text.replace(r#"namespace = "blue", "#, "");
    let identity = |line: &&str| !line.starts_with("user ") && !line.starts_with("group ");
    text.lines()
        .filter(|line| identity(&line.trim_start()))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[track_caller]
fn expect_valid(name: &str, text: &str) {
    let dir = TempDir::new();
    // The service manager makes it.
    let text = text.replace("/var/lib/evenkeel", &dir.path().display().to_string());
    let file = dir.write(name, &without_places(&text));
    for passwords in ["my.pass", "pg.pass", "my-admin.pass", "pg-admin.pass"] {
        dir.write(passwords, "secret\n");
    }
    let (status, output) = Kind::Evenkeel.run(&["check", file.to_str().unwrap()]);
    assert!(status.success(), "{output}\n{text}");
}

/// The configuration that `path` means, as TOML; warnings go elsewhere.
fn meaning(path: &Path) -> String {
    let output = Command::new(Kind::Evenkeel.program()).arg("convert").arg(path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_configuration_file_loads() {
    let (toml, cfg) = (files("toml"), files("cfg"));
    assert!(toml.len() >= 4 && !cfg.is_empty(), "{toml:?} {cfg:?}");
    for path in toml.iter().chain(&cfg) {
        let name = path.file_name().unwrap().to_str().unwrap();
        expect_valid(name, &fs::read_to_string(path).unwrap());
    }
}

#[test]
fn every_snippet_of_the_readme_loads() {
    let (toml, haproxy) = (snippets("toml"), snippets("haproxy"));
    assert!(toml.len() >= 2 && !haproxy.is_empty(), "{toml:?} {haproxy:?}");
    for text in toml {
        expect_valid("readme.toml", &text);
    }
    for text in haproxy {
        expect_valid("readme.cfg", &text);
    }
}

#[test]
fn haproxy_equivalent_means_what_minimal_means() {
    let conf = root().join("conf");
    assert_eq!(meaning(&conf.join("haproxy-equivalent.cfg")), meaning(&conf.join("minimal.toml")));
}

/// A unit that names a flag the program does not know would only fail at its user's.
#[test]
fn units_start_what_the_command_line_accepts() {
    let config = root().join("conf/minimal.toml");
    let twin = root().join("conf/haproxy-equivalent.cfg");
    let units = files("service");
    assert_eq!(units.len(), 2, "{units:?}");
    for unit in units {
        let text = fs::read_to_string(&unit).unwrap();
        let checks =
            text.lines().filter_map(|line| line.strip_prefix("ExecStartPre=/usr/bin/evenkeel "));
        let checks: Vec<&str> = checks.collect();
        assert_eq!(checks.len(), 1, "{}", unit.display());
        let line = checks[0]
            .replace("/etc/evenkeel/evenkeel.toml", config.to_str().unwrap())
            .replace("${CONFIG}", twin.to_str().unwrap())
            // Nothing, unless an operator says otherwise.
            .replace(" $EXTRAOPTS", "");
        let words: Vec<&str> = line.split_whitespace().collect();
        let (status, output) = Kind::Evenkeel.run(&words);
        assert!(status.success(), "{line}: {output}");
        let reload = ["HUP", "USR2"].map(|name| format!("ExecReload=/bin/kill -{name} $MAINPID"));
        assert!(reload.iter().any(|line| text.contains(line)), "{}", unit.display());
    }
}
