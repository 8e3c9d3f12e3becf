//! Pure: `cpu-map` lines: which CPUs each thread may run on.
//!
//! `[auto:]GROUP[/THREADS] CPUS...`: groups and threads are `all`, `odd`, `even`, a number from 1 to 64
//! or a range whose end may be missing; CPUs are numbers and ranges from 0, also behind commas. There is
//! one group, the first. A later line takes the place of an earlier one for the threads they share. `auto:`
//! gives each thread one CPU, both in rising order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Threads and groups that can be named; HAProxy's number.
const THREADS: RangeInclusive<usize> = 1..=64;

/// CPUs that can be named; HAProxy's number.
const CPUS: RangeInclusive<usize> = 0..=1023;

/// Where a range of CPUs without an end ends; HAProxy's number.
const CPU_LAST: usize = 63;

/// The lines, and what they come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuMap {
    lines: Vec<String>,
    threads: BTreeMap<usize, BTreeSet<usize>>,
}

impl CpuMap {
    /// Adds a line, without its keyword.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let place = words.next().ok_or("threads such as '1/all' are missing")?;
        let (is_auto, place) = match place.strip_prefix("auto:") {
            Some(place) => (true, place),
            None => (false, place),
        };
        let (groups, threads) = place.split_once('/').unwrap_or((place, "all"));
        let (groups, threads) = (numbers(groups)?, numbers(threads)?);
        let mut cpus = BTreeSet::new();
        for part in words.flat_map(|word| word.split(',')) {
            cpus.extend(cpu_range(part)?);
        }
        if cpus.is_empty() {
            return Err(format!("'{place}' needs CPUs such as 0-3"));
        }
        if is_auto && groups.len() > 1 && threads.len() > 1 {
            return Err("'auto:' takes one range, of threads".to_owned());
        }
        if is_auto && threads.len().max(groups.len()) != cpus.len() {
            let counts = format!("{} and {}", threads.len(), cpus.len());
            return Err(format!("'auto:' needs as many threads as CPUs, not {counts}"));
        }
        if groups.contains(&1) {
            for (at, &thread) in threads.iter().enumerate() {
                let one = || cpus.iter().nth(at).into_iter().copied().collect();
                self.threads.insert(thread, if is_auto { one() } else { cpus.clone() });
            }
        }
        self.lines.push(line.to_owned());
        Ok(())
    }

    /// The lines as they were written.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The CPUs of a thread, counted from 0; `None`: wherever the process may run.
    #[must_use]
    pub fn cpus(&self, thread: usize) -> Option<&BTreeSet<usize>> {
        self.threads.get(&(thread + 1))
    }
}

/// A set of groups or threads.
fn numbers(text: &str) -> Result<BTreeSet<usize>, String> {
    let bad = || format!("'{text}' is no number or range; numbers are 1 to {}", THREADS.end());
    match text {
        "all" => Ok(THREADS.collect()),
        "odd" => Ok(THREADS.step_by(2).collect()),
        "even" => Ok(THREADS.skip(1).step_by(2).collect()),
        _ => {
            let range = range(text, *THREADS.end()).ok_or_else(bad)?;
            let inside = THREADS.contains(range.start()) && THREADS.contains(range.end());
            if inside { Ok(range.collect()) } else { Err(bad()) }
        }
    }
}

fn cpu_range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let range = range(text, CPU_LAST).ok_or_else(|| format!("'{text}' is not a CPU range"))?;
    if CPUS.contains(range.end()) {
        return Ok(range);
    }
    Err(format!("'{text}': CPUs are numbered from 0 to {}", CPUS.end()))
}

/// `3`, `1-4`, `1-`, or the same backwards.
fn range(text: &str, last: usize) -> Option<RangeInclusive<usize>> {
    let (from, to) = match text.split_once('-') {
        None => (text.parse().ok()?, text.parse().ok()?),
        Some((from, "")) => (from.parse().ok()?, last),
        Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
    };
    Some(usize::min(from, to)..=usize::max(from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(lines: &[&str]) -> Result<CpuMap, String> {
        let mut map = CpuMap::default();
        lines.iter().try_for_each(|line| map.add(line)).map(|()| map)
    }

    #[test]
    fn threads_get_their_cpus() {
        type Wanted<'a> = &'a [(usize, &'a [usize])];
        let table: &[(&[&str], Wanted<'_>)] = &[
            (&["1/1 0", "1/2 1"], &[(0, &[0]), (1, &[1])]),
            (&["1 3"], &[(0, &[3]), (63, &[3])]),
            (&["all/odd 0,2 4-5"], &[(0, &[0, 2, 4, 5]), (1, &[]), (2, &[0, 2, 4, 5])]),
            (&["auto:1/1-4 3 2 1 0"], &[(0, &[0]), (3, &[3])]),
            (&["auto:1/1- 0-"], &[(0, &[0]), (63, &[63])]),
            (&["1/all 0", "1/2 1"], &[(0, &[0]), (1, &[1])]),
            (&["2/1 0"], &[(0, &[])]),
            (&["1/2-1 7-6"], &[(0, &[6, 7]), (1, &[6, 7])]),
        ];
        for (lines, wanted) in table {
            let map = map(lines).unwrap();
            for (thread, cpus) in *wanted {
                let found: Vec<_> = map.cpus(*thread).into_iter().flatten().copied().collect();
                assert_eq!(found, *cpus, "{lines:?} {thread}");
            }
            assert_eq!(map.lines(), *lines);
        }
    }

    #[test]
    fn mistakes_are_said() {
        for line in [
            "",
            "1/1",
            "x 0",
            "1/x 0",
            "1/1 x",
            "1/0 0",
            "1/70 0",
            "1/1 all",
            "1/1 4096",
            "auto:1/1-4 0",
            "auto:1/1 0-3",
            "auto:all/all 0-63",
            "1/1 0,,1",
            "1/1 -3",
        ] {
            assert!(map(&[line]).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line in "[a-z0-9:/, -]{0,40}") {
            let _ = map(&[&line]);
        }
    }
}
