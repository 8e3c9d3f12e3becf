//! The corpora of the fuzz targets, replayed through the same entry points, and some thousand
//! mutants of them: always the same ones, so that a failure can be repeated.
#![allow(clippy::unwrap_used, reason = "a file that cannot be read must end the test")]

mod targets;

use std::fs;
use std::path::PathBuf;

/// Mutants of each target. The loader of configurations is the slowest: some ms a file.
const MUTANTS: u32 = 4000;
const MUTANTS_OF_CONFIG: u32 = 1500;

/// Longest mutant, in bytes.
const MUTANT_BYTES_MAX: usize = 16 * 1024;

/// Most that this process may ever have held, in KiB: its code and data take some 100 MiB.
const RESIDENT_KIB_MAX: u64 = 512 * 1024;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![root.join("tests/fuzz/corpus").join(target)];
    if target == "config" {
        directories.push(root.join("haproxy-compat/tests/corpus"));
        directories.push(root.join("conf"));
    }
    let entries = directories.iter().flat_map(|directory| fs::read_dir(directory).unwrap());
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A seed with a few bytes changed, parts cut out, doubled or taken from another seed.
fn mutant(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.u8(1..=6) {
        let at = random.usize(..=bytes.len());
        let end = random.usize(at..=bytes.len());
        match random.u8(..8) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            2 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.usize(..5)],
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            6 => {
                let other = &seeds[random.usize(..seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.usize(..=other.len())..]);
            }
            _ => bytes.insert(at, random.u8(..)),
        }
    }
    bytes.truncate(MUTANT_BYTES_MAX);
    bytes
}

/// The most that this process has held, in KiB, where the system tells.
fn resident_kib_max() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn strangers_bytes_do_no_harm() {
    for target in targets::NAMES {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no corpus");
        for seed in &seeds {
            targets::run(target, seed);
        }
        let mut random = fastrand::Rng::with_seed(0x0e7e_6b0a);
        let count = if target == "config" { MUTANTS_OF_CONFIG } else { MUTANTS };
        for number in 0..count {
            let bytes = mutant(&seeds, &mut random);
            let outcome = std::panic::catch_unwind(|| targets::run(target, &bytes));
            assert!(
                outcome.is_ok(),
                "{target}, mutant {number}: {:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }
    if let Some(held) = resident_kib_max() {
        assert!(held <= RESIDENT_KIB_MAX, "{held} KiB were held");
    }
}

#[test]
fn every_target_has_its_program() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for target in targets::NAMES {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} in Cargo.toml");
        let program = fs::read_to_string(root.join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{target}\"")), "{target}'s program");
    }
}
